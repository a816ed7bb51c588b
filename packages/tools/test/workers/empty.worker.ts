export const walk = () => 'not what is looked for'
