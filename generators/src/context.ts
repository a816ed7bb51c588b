import type { Features, Options } from './features.js'
import type { Progress } from './progress.js'
import type { Files } from './render.js'
import type { Source } from './source.js'
import type { Undo } from './write.js'

/** What is to be made, known before the first step. */
export interface Plan {
  /** Absolute path. */
  target: string
  name: string
  features: Features
  /** What was chosen, as the project keeps it. */
  options: Options
  dryRun: boolean
  /** No terminal to ask in, and nobody said `--yes`. */
  unasked: boolean
  install: boolean
  git: boolean
}

/** What the steps share; each does one thing and leaves its result here. */
export interface Context {
  readonly plan: Plan
  readonly source: Source
  readonly progress: Progress
  readonly signal: AbortSignal
  /** The working directory of the user, for showing paths. */
  readonly from: string
  files: Files
  undo?: Undo
}
