import { ConfigError, type Fault, wrongOption } from './errors.js'
import { type Config, configOf } from './load-config.js'
import { oneAtATime } from './one-at-a-time.js'
import { readSettings, type Setting, type Shape } from './settings.js'
import type { ConfigOptions } from './source.js'
import { watchedFiles } from './watched-files.js'

export interface WatchOptions<S extends Shape> extends ConfigOptions {
  /** Time from the end of one look at the files to the next, in milliseconds, from 100 to 2147483647. @default 5000 */
  intervalMs?: number
  /**
   * Takes a new configuration, whole; `changed` are the names whose text is another one than that in force. A promise
   * is waited for. What it throws goes to `onError`, the configuration counts as not taken, and all of `changed` is
   * offered again as soon as any file changes.
   */
  onChange: (config: Config<S>, changed: readonly (keyof S & string)[]) => unknown
  /**
   * Is told of each new content that is not valid or not readable, and again while it is whenever any file changes. Of that
   * setting the value that `onChange` was given last stays; what else has changed is offered all the same, so that no broken
   * file keeps a revoked key alive.
   */
  onFault: (error: ConfigError) => unknown
  /** Is told what `onChange` and `onFault` throw. Such an error is theirs: whether it quotes a secret is too. */
  onError: (error: unknown) => unknown
}

export interface ConfigWatch<S extends Shape> {
  /** What is in force: the configuration of the start, later the last one that `onChange` took. */
  readonly config: Config<S>
  /** Looks now, and again if a look is under way; ends when the listeners have been told. Never rejects. */
  check(): Promise<void>
  /** Ends the watch for good. */
  close(): void
}

/** Node's timers fire at once when given more. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Reads the settings as `loadConfig` does, and goes on looking at the files that a `NAME_FILE` named. Nothing
 * else is watched, without such a file nothing at all, and the process is not kept alive by it.
 *
 * It polls. `fs.watch` sees neither that a link further up the path leads elsewhere, which is how Kubernetes replaces
 * secrets, nor what changes on the other side of a network mount, and loses a file that another is renamed over.
 *
 * @throws ConfigError `ERR_CONFIG_INVALID` when the settings are wrong at the start, as `loadConfig`.
 * @throws TypeError `ERR_CONFIG_OPTION` when the shape or an option is wrong.
 */
export function watchConfig<const S extends Shape>(
  shape: S,
  options: WatchOptions<S>,
): ConfigWatch<S> {
  const { intervalMs = 5000, onChange, onFault, onError } = options
  checkInterval(intervalMs)
  checkListeners({ onChange, onFault, onError })

  const files = watchedFiles(options.readFile)
  // Which files they are is settled: what changes the environment later changes nothing here.
  const source = { env: { ...(options.env ?? process.env) }, readFile: files.read }
  const first = readSettings(shape, source)
  let config = configOf<S>(first)
  let inForce = byName(first)
  /** What `onChange` was given last, every name with a valid value: what is in force unless it threw. */
  let offered = inForce
  let refused: readonly string[] = []
  let timer: NodeJS.Timeout | undefined
  let closed = false

  async function offer(settings: readonly Setting[]): Promise<void> {
    // A listener that threw may have used a part of what it was given: that is offered again even if it is now as before.
    const changed = settings
      .filter(({ name, text }) => text !== inForce.get(name)?.text || refused.includes(name))
      .map(({ name }) => name)
    offered = byName(settings)
    if (changed.length === 0) return
    const next = configOf<S>(settings)
    refused = changed
    await onChange(next, changed)
    refused = []
    config = next
    inForce = offered
  }

  async function look(): Promise<void> {
    if (closed || !(await files.look())) return
    // While some files were read, others may have been replaced together with them: a pair must not be taken apart.
    for (let looks = 1; looks < 3 && (await files.look()); looks++);
    if (closed) return
    const faults: Fault[] = []
    const settings = readSettings(shape, source).map((setting) => {
      // Not what is in force: a list that `onChange` has used before it threw must not give way to one with a revoked key.
      const kept = offered.get(setting.name)
      const fault = faultOf(setting, kept)
      if (fault) faults.push(fault)
      return fault && kept ? kept : setting
    })
    if (faults.length > 0) {
      await attempt(() => onFault(new ConfigError(faults)))
      const faulty = new Set(faults.map(({ name }) => name))
      const sound = settings.filter(({ name }) => !faulty.has(name))
      // What was refused before is not mended by a fault beside it.
      if (sound.every(({ name, text }) => text === offered.get(name)?.text)) return
    }
    await offer(settings)
  }

  async function attempt(run: () => unknown): Promise<void> {
    try {
      await run()
    } catch (error) {
      await told(onError, error)
    }
  }

  const check = oneAtATime(() => attempt(look))

  function arm(): void {
    if (closed || files.count() === 0) return
    // Not an interval: on a slow mount looks would follow each other without a pause.
    timer = setTimeout(() => void check().then(arm), intervalMs).unref()
  }
  arm()

  return {
    get config() {
      return config
    },
    check,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

function byName(settings: readonly Setting[]): ReadonlyMap<string, Setting> {
  return new Map(settings.map((setting) => [setting.name, setting]))
}

/** An empty file is unset at the start; later it is one that is just being written. */
function faultOf(setting: Setting, kept: Setting | undefined): Fault | undefined {
  const { name, text, origin, file, fault } = setting
  if (origin !== 'file' || text !== undefined || kept?.text === undefined) return fault
  const remedy = `write the new value into it; the last one stays until then`
  return { name, problem: `the file ${file} is empty`, remedy }
}

/** Nobody is left to tell what the last one to be told throws. */
async function told(onError: (error: unknown) => unknown, error: unknown): Promise<void> {
  try {
    await onError(error)
  } catch {}
}

function checkInterval(intervalMs: unknown): void {
  const usable = Number.isSafeInteger(intervalMs) && typeof intervalMs === 'number'
  if (usable && intervalMs >= 100 && intervalMs <= LONGEST_MS) return
  throw wrongOption(
    `intervalMs of watchConfig must be a whole number of milliseconds from 100 to ${LONGEST_MS}, got ${String(intervalMs)}`,
  )
}

function checkListeners(listeners: Record<string, unknown>): void {
  for (const [name, listener] of Object.entries(listeners)) {
    if (typeof listener === 'function') continue
    throw wrongOption(`${name} of watchConfig must be a function, got ${typeof listener}`)
  }
}
