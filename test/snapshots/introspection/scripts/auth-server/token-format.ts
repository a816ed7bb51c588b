/** Opaque tokens: the server has to ask about each, and learns of a revocation. */
export const tokenFormat = 'opaque' as const
