import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fuzz/random.js'
import type { Call, caller, Era } from './calls.js'
import { judge, type Outcome } from './judge.js'
import type { Line } from './line.js'

export interface Scene {
  random: Random
  calls: ReturnType<typeof caller>
  era(): Era
  open(waitWithTls?: boolean): Line
  graceMs: number
  /** Resolves when the signal has been sent. */
  signalled: Promise<void>
  /** To be called when the signal may come. */
  ready(): void
}

export type Moment = (scene: Scene) => Promise<Outcome[]>

/** Moments of a request's life in which the signal comes. */
export const moments: Record<string, Moment> = {
  'headers half sent': (scene) => completed(scene, 'head', scene.random.int(scene.graceMs)),
  'headers half sent, the rest after the grace': (scene) =>
    completed(scene, 'head', scene.graceMs + 100 + scene.random.int(300)),
  'headers never completed': (scene) => abandoned(scene, 'head'),
  'body half sent': (scene) => completed(scene, 'body', scene.random.int(scene.graceMs)),
  'body half sent, the rest after the grace': (scene) =>
    completed(scene, 'body', scene.graceMs + 100 + scene.random.int(300)),
  'body never completed': (scene) => abandoned(scene, 'body'),

  async 'tool running'(scene) {
    const line = scene.open()
    return sent(scene, line, [scene.calls.slow(scene.era())])
  },
  async 'tool running on a kept connection'(scene) {
    const line = scene.open()
    const first = scene.calls.quick(scene.era())
    line.send(Buffer.concat([first.head, first.body]))
    await line.until(() => line.answers().length > 0)
    return sent(scene, line, [first, scene.calls.slow(scene.era())], 1)
  },
  async 'tools running, pipelined'(scene) {
    const { calls } = scene
    const list = [calls.slow(scene.era()), calls.quick(scene.era()), calls.slow(scene.era())]
    return sent(scene, scene.open(), list)
  },

  async 'stream open'(scene) {
    const line = scene.open()
    const call = scene.calls.listen()
    line.send(Buffer.concat([call.head, call.body]))
    await line.until(() => line.bytes() > 0)
    scene.ready()
    return judge(line, [call])
  },

  async 'connection idle'(scene) {
    const line = scene.open()
    const call = scene.calls.quick(scene.era())
    line.send(Buffer.concat([call.head, call.body]))
    await line.until(() => line.answers().length > 0)
    scene.ready()
    return judge(line, [call])
  },
  async 'connection idle, used in the grace'(scene) {
    const line = scene.open()
    const [first, second] = [scene.calls.quick(scene.era()), scene.calls.quick(scene.era())]
    line.send(Buffer.concat([first.head, first.body]))
    await line.until(() => line.answers().length > 0)
    scene.ready()
    await scene.signalled
    // Not its last moments: an idle connection is closed at the end of the grace.
    await sleep(scene.random.int(scene.graceMs / 2))
    line.send(Buffer.concat([second.head, second.body]))
    return judge(line, [first, second])
  },

  /** One after the other, until the server lets nobody in. */
  async 'new connections'(scene) {
    const outcomes: Outcome[] = []
    scene.ready()
    for (;;) {
      const line = scene.open()
      const call = scene.calls.quick(scene.era(), true)
      line.send(Buffer.concat([call.head, call.body]))
      const [outcome = { verdict: 'wrong' }] = await judge(line, [call])
      outcomes.push(outcome)
      if (outcome.verdict === 'refused' || outcome.verdict === 'wrong') return outcomes
      await sleep(scene.random.int(10))
    }
  },
}

/** Those that only a server with TLS can meet. */
export const tlsMoments: Record<string, Moment> = {
  async 'handshake never done'(scene) {
    const line = scene.open(true)
    line.send(Buffer.from('16030102000100', 'hex'))
    scene.ready()
    return judge(line, [])
  },
  async 'handshake done in the grace'(scene) {
    const line = scene.open(true)
    const call = scene.calls.quick(scene.era())
    scene.ready()
    await scene.signalled
    await sleep(scene.random.int(scene.graceMs / 2))
    line.handshake()
    line.send(Buffer.concat([call.head, call.body]))
    return judge(line, [call])
  },
}

type Part = 'head' | 'body'

/** The half that is sent before the signal, and the rest. */
function halves({ random }: Scene, { head, body }: Call, cut: Part): [Buffer, Buffer] {
  const at =
    cut === 'head' ? 1 + random.int(head.length - 2) : head.length + random.int(body.length)
  const all = Buffer.concat([head, body])
  return [all.subarray(0, at), all.subarray(at)]
}

async function completed(scene: Scene, cut: Part, afterMs: number): Promise<Outcome[]> {
  const line = scene.open()
  const call = scene.calls.quick(scene.era())
  const [half, rest] = halves(scene, call, cut)
  line.send(half)
  scene.ready()
  await scene.signalled
  await sleep(afterMs)
  line.send(rest)
  return judge(line, [call])
}

async function abandoned(scene: Scene, cut: Part): Promise<Outcome[]> {
  const line = scene.open()
  line.send(halves(scene, scene.calls.quick(scene.era()), cut)[0])
  scene.ready()
  return judge(line, [])
}

async function sent(scene: Scene, line: Line, calls: Call[], already = 0): Promise<Outcome[]> {
  line.send(Buffer.concat(calls.slice(already).flatMap(({ head, body }) => [head, body])))
  await sleep(scene.random.int(900))
  scene.ready()
  return judge(line, calls)
}
