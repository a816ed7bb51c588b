import type { AuthInfo } from '@modelcontextprotocol/client'
import * as z from 'zod'
import { createToolServer, defineTool, inputRequired, inputResponse } from '../../src/index.js'

export const info = { name: 'test', version: '1.0.0' }

export function authOf(principal: string, rest: Partial<AuthInfo> = {}): AuthInfo {
  return { token: '[redacted]', clientId: 'app', scopes: [], extra: { principal }, ...rest }
}

/** What tools of these tests tell of what runs. */
export const seen = { running: 0, cancelled: 0 }

const nothing = z.object({})
const description = 'For a test of sessions'
const form = { type: 'object' as const, properties: { name: { type: 'string' as const } } }

const tools = [
  defineTool({
    name: 'whoami',
    description,
    input: nothing,
    run: (_input, { principal }) => `${principal?.id} ${principal?.scopes.join()}`,
  }),
  defineTool({
    name: 'sample',
    description,
    input: nothing,
    run(_input, { inputResponses, requireInput }) {
      const answer = inputResponse(inputResponses, 'answer')
      if (answer.kind === 'sampling')
        return `the model said ${JSON.stringify(answer.result.content)}`
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'why?' } }]
      const question = inputRequired.createMessage({ messages, maxTokens: 10 })
      return requireInput({ inputRequests: { answer: question } })
    },
  }),
  defineTool({
    name: 'elicit',
    description,
    input: nothing,
    run(_input, { inputResponses, requireInput }) {
      const answer = inputResponse(inputResponses, 'answer')
      if (answer.kind === 'elicit') return `${answer.action} ${JSON.stringify(answer.content)}`
      const question = inputRequired.elicit({ message: 'Who?', requestedSchema: form })
      return requireInput({ inputRequests: { answer: question } })
    },
  }),
  defineTool({
    name: 'ask_aside',
    description,
    input: nothing,
    run(_input, { inputResponses, requireInput }) {
      const answer = inputResponse(inputResponses, 'answer')
      if (answer.kind === 'roots') return answer.roots.map(({ uri }) => uri).join()
      return requireInput({ inputRequests: { answer: inputRequired.listRoots() } })
    },
  }),
  defineTool({
    name: 'progress',
    description,
    input: nothing,
    async run(_input, { progress }) {
      for (let done = 1; done <= 3; done++) await progress(done)
      return 'done'
    },
  }),
  defineTool({
    name: 'size',
    description,
    input: z.object({ bytes: z.int() }),
    run: ({ bytes }) => 'x'.repeat(bytes),
  }),
  defineTool({
    name: 'wait',
    description,
    input: z.object({ ms: z.int() }),
    run({ ms }, { signal }) {
      seen.running++
      return new Promise<string>((resolve) => {
        const timer = setTimeout(() => end('waited'), ms)
        const end = (how: string) => {
          clearTimeout(timer)
          seen.running--
          if (how !== 'waited') seen.cancelled++
          resolve(how)
        }
        signal.addEventListener('abort', () => end('cancelled'), { once: true })
      })
    },
  }),
]

/** A server of SDK v1 with tools that ask, report, wait and tell who calls. */
export const createTestServer = createToolServer(tools, info)
