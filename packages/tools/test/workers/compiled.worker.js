export function run({ text }) {
  return text.toUpperCase()
}
