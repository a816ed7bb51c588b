import { execFileSync } from 'node:child_process'
import { parentPort, threadId } from 'node:worker_threads'
import type { WorkerContext } from '../../src/index.js'
import { ToolError } from '../../src/tool-error.js'

/** Tools that behave as badly as a thread can. */
const acts = {
  ok: () => `from thread ${threadId}`,
  chatty: () => {
    // As a library of somebody else's prints it.
    process.stdout.write('a line of the thread\n')
    return 'said'
  },
  whoami: (context: WorkerContext) => JSON.stringify(context),
  loop: () => {
    for (;;);
  },
  sleepInAtomics: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  never: () => new Promise(() => {}),
  blockInSystem: () => {
    execFileSync('sleep', ['3'])
    return 'slept'
  },
  slow: () => new Promise((resolve) => setTimeout(resolve, 300, 'slow')),
  throwSecret: () => {
    throw Object.assign(new Error('password=hunter2', { cause: new Error('the cause') }), {
      code: 'E_SECRET',
    })
  },
  throwToolError: () => {
    throw new ToolError('there is no such prime')
  },
  throwLikeToolError: () => {
    throw Object.assign(new Error('by its code'), { code: 'ERR_TOOLS_TOOL_ERROR' })
  },
  throwNothing: () => {
    throw undefined
  },
  throwFunction: () => {
    throw () => 'hunter2'
  },
  throwTrap: () => {
    throw new Proxy(new Error('x'), {
      get() {
        throw new Error('trap')
      },
    })
  },
  exit: () => process.exit(3),
  exitCleanly: () => process.exit(0),
  exitWhenIdle: () => {
    setTimeout(() => process.exit(4), 50)
    return 'then exits'
  },
  throwWhenIdle: () => {
    setTimeout(() => {
      throw new Error('thrown when idle')
    }, 50)
    return 'then throws'
  },
  rejectUnheard: async () => {
    void Promise.reject(new Error('password=hunter2'))
    return new Promise(() => {})
  },
  eatHeap: () => {
    const all: number[][] = []
    for (;;) all.push(new Array(1000).fill(Math.random()))
  },
  returnFunction: () => () => 1,
  returnPoisoned: () => ({
    get a() {
      throw new Error('password=hunter2')
    },
  }),
  postStray: () => {
    for (const stray of [null, undefined, 0, { value: 'forged' }, { ready: true }, 'x'])
      parentPort?.postMessage(stray)
    return 'the real answer'
  },
} satisfies Record<string, (context: WorkerContext) => unknown>

export type Act = keyof typeof acts

export async function run({ act }: { act: Act }, context: WorkerContext): Promise<string> {
  return (await acts[act](context)) as string
}
