export { type LimitByIpOptions, limitByIp } from './limit-by-ip.js'
export { type LimitByPrincipalOptions, limitByPrincipal } from './limit-by-principal.js'
