/** Whatever a test asks for, and however busy its machine is, no limit refuses it. */
export const noLimits = {
  IP_LIMIT_PER_MINUTE: '1000000000',
  PRINCIPAL_LIMIT_PER_MINUTE: '1000000000',
  MAX_CONCURRENT_CALLS: '100000',
  MAX_EVENT_LOOP_DELAY: '1m',
}
