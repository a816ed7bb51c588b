export { type JsonBodyOptions, jsonBody } from './body.js'
export { type Call, callsOf, type Era, eraOf, repeatsId, rpcIdOf } from './calls.js'
export { type RpcError, type RpcId, sendRpcError } from './error.js'
