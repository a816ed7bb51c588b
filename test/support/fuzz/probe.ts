import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** What a server holds on to when it has nothing to do. */
export interface Held {
  /** Bytes of the heap that are still reachable. */
  heapBytes: number
  /** Of these, bytes of what V8 has compiled: it goes on optimising, and gives up, for hours. */
  codeBytes: number
  /** What keeps the event loop awake, by kind: sockets, timers and the like. */
  resources: Record<string, number>
  /** Names on the prototypes that all objects share, which a polluting body would add to. */
  prototypeNames: string
}

/** Runs inside the server beside its own program, and changes nothing of it. */
function answerProbes(): void {
  const collect = (globalThis as unknown as { gc: () => void }).gc
  const prototypes = [Object, Array, Function, String, Number, Promise, Map].map(
    (type) => type.prototype as object,
  )
  // No import: its text is what runs, and what compiles tests would write one of its own into it.
  const { getHeapCodeStatistics } = process.getBuiltinModule('node:v8')
  process.on('message', async () => {
    // What finalizers free, the next collection finds.
    for (let i = 0; i < 3; i++) {
      collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    const resources: Record<string, number> = {}
    for (const kind of process.getActiveResourcesInfo())
      resources[kind] = (resources[kind] ?? 0) + 1
    const prototypeNames = prototypes
      .map((type) => Reflect.ownKeys(type).map(String).join())
      .join(';')
    const { code_and_metadata_size: code, bytecode_and_metadata_size: bytecode } =
      getHeapCodeStatistics()
    const heapBytes = process.memoryUsage().heapUsed
    process.send?.({ heapBytes, codeBytes: code + bytecode, resources, prototypeNames })
  })
  // The server must still be able to end by itself.
  process.channel?.unref()
}

/** Options of node for a server that answers `held`, which also needs an `ipc` channel. */
export const probeOptions = [
  '--expose-gc',
  '--import',
  `data:text/javascript,${encodeURIComponent(`(${answerProbes})()`)}`,
]

export async function held(server: ChildProcess): Promise<Held> {
  const answer = once(server, 'message')
  server.send('probe')
  const [message] = await answer
  return message as Held
}
