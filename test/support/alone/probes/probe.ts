import type { Program } from '../program.js'

export interface Here {
  /** Starts the main example of the README, or the first one below a heading. */
  start(env?: NodeJS.ProcessEnv, heading?: string): Promise<Program>
  /** Runs the command of the README that begins so, where the package is installed. */
  command(beginning: string, env?: NodeJS.ProcessEnv): Promise<string>
  folder: string
}

/** Sees that an example does what its README says; fails where the package would do nothing. */
export type Probe = (here: Here) => Promise<void>
