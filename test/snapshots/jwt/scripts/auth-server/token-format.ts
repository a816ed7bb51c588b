/** JWTs: the server checks each by itself, with the keys that the issuer publishes. */
export const tokenFormat = 'jwt' as const
