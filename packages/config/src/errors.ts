/** What is wrong with one setting. Nothing in it holds a secret's value. */
export interface Fault {
  /** The setting's name. */
  name: string
  problem: string
  /** What to do about it. */
  remedy: string
}

/** Every fault of a configuration at once, one to a line of the message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'ERR_CONFIG_INVALID'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    const lines = faults.map(({ name, problem, remedy }) => `\n  ${name}: ${problem}; ${remedy}`)
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:${lines.join('')}`,
    )
    this.faults = faults
  }
}

/** A mistake in the code that declares the settings, not in their values. */
export function wrongOption(message: string): TypeError {
  return Object.assign(new TypeError(`@mcp-prod/config: ${message}`), { code: 'ERR_CONFIG_OPTION' })
}
