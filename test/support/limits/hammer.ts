import { setTimeout as sleep } from 'node:timers/promises'
import { mcpRequest } from '../faults/call.js'

interface Target {
  url: URL
  key: string
}

interface Answered {
  /** Milliseconds since the first request. */
  atMs: number
  tookMs: number
  status: number
  /** Which limit refused it. */
  policy: string | undefined
}

/** Clients that call at the same time for as long as they are let, whatever they are told. */
export function hammer({ url, key }: Target, clients: number) {
  const answers: Answered[] = []
  const failures: string[] = []
  const startedMs = performance.now()
  let stopped = false

  async function call(): Promise<Answered> {
    const { headers, body } = mcpRequest(key, 'tools/call', {
      name: 'summarize_numbers',
      arguments: { numbers: [1, 2, 3] },
    })
    // Somebody else each time, if anyone believed it.
    const spoofed = { 'X-Forwarded-For': `203.0.113.${Math.floor(Math.random() * 256)}` }
    const sentMs = performance.now()
    const response = await fetch(url, { method: 'POST', headers: { ...headers, ...spoofed }, body })
    const { error } = (await response.json()) as { error?: { data?: { policy?: string } } }
    const nowMs = performance.now()
    return {
      atMs: nowMs - startedMs,
      tookMs: nowMs - sentMs,
      status: response.status,
      policy: error?.data?.policy,
    }
  }

  async function client(): Promise<void> {
    while (!stopped) {
      try {
        const answer = await call()
        answers.push(answer)
        // Many more as the limit lets through, and not so many that nothing else runs on this machine.
        if (answer.status !== 200) await sleep(100)
      } catch (error) {
        failures.push(String(error))
        await sleep(100)
      }
    }
  }
  const running = Array.from({ length: clients }, client)
  return {
    answers,
    failures,
    elapsedMs: () => performance.now() - startedMs,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

export const passed = (answers: readonly Answered[]) =>
  answers.filter(({ status }) => status === 200).length
