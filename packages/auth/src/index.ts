export { generateApiKey, hashApiKey } from './api-key.js'
export { type ApiKeyVerifier, apiKeys } from './api-keys.js'
export {
  type AuthInfo,
  authOf,
  principalOf,
  type RemoteVerifier,
  type TokenVerifier,
} from './auth-info.js'
export { type AuthenticateOptions, authenticate } from './authenticate.js'
export { type AuthorizeOptions, authorize } from './authorize.js'
export { type TokensByForm, tokensByForm } from './by-form.js'
export {
  type CertificateVerifier,
  type ClientCertificate,
  clientCertificates,
  parseClientCertificates,
} from './client-certificates.js'
export { issuerKeys } from './discovery.js'
export { AuthUnavailableError, InvalidTokenError } from './errors.js'
export { type IntrospectionOptions, introspectedTokens } from './introspection.js'
export { type JwtAlgorithm, type JwtOptions, jwtTokens } from './jwt.js'
export { type ApiKey, parseApiKeys } from './key-list.js'
export {
  type KeySource,
  type RemoteKeysOptions,
  remoteKeys,
  type StaticKeys,
  staticKeys,
} from './key-source.js'
export {
  type ProtectedResource,
  type ProtectedResourceOptions,
  protectedResource,
} from './protected-resource.js'
export { type ScopeHierarchy, scopeHierarchy } from './scopes.js'
