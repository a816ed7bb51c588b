import { type Debugger, type InspectorNotification, Session } from 'node:inspector'

/** How long to wait for the main thread, in milliseconds. In native code it does not answer. */
const STACK_TIMEOUT_MS = 2_000
const MAX_FRAMES = 50
const MAX_NAME_CHARS = 300

/**
 * Where the main thread is now, as lines of a stack; to be called in another thread. It stands still for some milliseconds.
 *
 * @returns undefined when it runs native code, or when this Node has no inspector.
 */
export async function mainThreadStack(): Promise<string[] | undefined> {
  const session = new Session()
  try {
    session.connectToMainThread()
    return await new Promise<string[] | undefined>((resolve) => {
      setTimeout(resolve, STACK_TIMEOUT_MS, undefined)
      const urls = new Map<string, string>()
      session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url))
      session.on(
        'Debugger.paused',
        ({ params }: InspectorNotification<Debugger.PausedEventDataType>) => {
          // First of all: nothing below may keep the main thread standing.
          session.post('Debugger.resume')
          resolve(params.callFrames.slice(0, MAX_FRAMES).map((frame) => lineOf(frame, urls)))
        },
      )
      session.post('Debugger.enable')
      session.post('Debugger.pause')
    })
  } catch {
    return undefined
  } finally {
    // Also takes back a pause that was asked for and has not come: the debugger goes with its last session.
    session.disconnect()
  }
}

function lineOf(
  { functionName, location }: Debugger.CallFrame,
  urls: ReadonlyMap<string, string>,
): string {
  const { scriptId, lineNumber, columnNumber = 0 } = location
  const name = functionName.slice(0, MAX_NAME_CHARS) || '<anonymous>'
  // A `data:` URL holds the whole script.
  const url = urls.get(scriptId)?.slice(0, MAX_NAME_CHARS) || '<unknown>'
  return `at ${name} (${url}:${lineNumber + 1}:${columnNumber + 1})`
}

/** Ends the process from within the main thread, as soon as that runs JavaScript. */
export function exitMainThread(exitCode: number): void {
  try {
    const session = new Session()
    session.connectToMainThread()
    // Without the listeners of `exit`: they could block as well.
    session.post('Runtime.evaluate', { expression: `process.reallyExit(${exitCode})` })
  } catch {
    // No inspector: the caller tells that the process is still there.
  }
}
