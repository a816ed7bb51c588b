/**
 * `START`: a worker ended before any was ready. `STOP`: one did not end in order. `TIMEOUT`: no answer in time. `BUSY`: too
 * many wait. `GONE`: the other process is not there any more. `ANSWER`: its handler failed, or it has none.
 */
export type WorkersErrorCode =
  | 'ERR_WORKERS_START'
  | 'ERR_WORKERS_STOP'
  | 'ERR_WORKERS_TIMEOUT'
  | 'ERR_WORKERS_BUSY'
  | 'ERR_WORKERS_GONE'
  | 'ERR_WORKERS_ANSWER'

/** What goes wrong between processes. */
export class WorkersError extends Error {
  override readonly name = 'WorkersError'
  readonly code: WorkersErrorCode
  /** Of `ERR_WORKERS_START`: what the primary should exit with. */
  readonly exitCode: number | undefined

  constructor(code: WorkersErrorCode, message: string, exitCode?: number) {
    super(message)
    this.code = code
    this.exitCode = exitCode
  }
}
