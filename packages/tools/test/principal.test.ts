import { inspect } from 'node:util'
import type { AuthInfo } from '@modelcontextprotocol/server'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineTool, type ToolContext } from '../src/index.js'
import { legacyCall, modernCall, post, serve } from './support.js'

const TOKEN = 'raw-token-hunter2'
const everythingOf = (value: unknown) =>
  inspect(value, { showHidden: true, getters: true, depth: null, maxStringLength: null })

function spyTool(seen: (context: ToolContext) => void) {
  return defineTool({
    name: 'spy',
    description: 'Looks at what it is given',
    input: z.object({}),
    run: (_input, context) => {
      seen(context)
      return 'done'
    },
  })
}

/** What the tool is given of a caller, once in each era. */
async function principalsOf(auth: unknown) {
  const seen: ToolContext['principal'][] = []
  const tool = spyTool(({ principal }) => seen.push(principal))
  const { url, events } = await serve([tool], {}, [], { authOf: () => auth as AuthInfo })
  for (const { body, headers } of [modernCall('spy', {}), legacyCall('spy', {})])
    expect((await post(url, body, headers)).text).toContain('done')
  expect(events.map(({ principal }) => principal)).toEqual(seen)
  expect(seen[1]).toEqual(seen[0])
  return seen[0]
}

const auth = { token: '[redacted]', clientId: 'app', scopes: ['a'] }

describe('the principal', () => {
  it('has the tenant that the verifier names, and no other word of it', async () => {
    const extra = { principal: 'alice', tenant: 'acme', email: 'alice@acme.example' }
    const principal = await principalsOf({ ...auth, extra })
    expect(principal).toEqual({ id: 'alice', clientId: 'app', scopes: ['a'], tenant: 'acme' })
  })

  it.each(['', 7, null, ['acme'], { toString: () => 'acme' }, Object('acme')])(
    'has no tenant when it is %j, and no id',
    async (value) => {
      const principal = await principalsOf({ ...auth, extra: { principal: value, tenant: value } })
      expect(principal).toEqual({ id: 'app', clientId: 'app', scopes: ['a'] })
      expect(principal).not.toHaveProperty('tenant')
    },
  )

  it('is none without authentication', async () => {
    expect(await principalsOf(undefined)).toBeUndefined()
  })

  it.each([[undefined], ['a b'], [null]])(
    'holds no scope when its scopes are %j',
    async (scopes) => {
      expect(await principalsOf({ ...auth, scopes })).toMatchObject({ scopes: [] })
      const guarded = defineTool({
        name: 'guarded',
        description: 'Needs a scope',
        input: z.object({}),
        scopes: ['a'],
        run: () => 'in',
      })
      const authOf = () => ({ ...auth, scopes }) as unknown as AuthInfo
      const { url, events } = await serve([guarded], {}, [], { authOf })
      for (const { body, headers } of [modernCall('guarded', {}), legacyCall('guarded', {})])
        expect((await post(url, body, headers)).text).toContain('a scope is missing')
      expect(events.map(({ outcome }) => outcome)).toEqual(['denied', 'denied'])
    },
  )
})

it('keeps the token and what else the verifier found from tools, events and logs', async () => {
  const given: string[] = []
  const tool = spyTool((context) => {
    context.log.info('called', { context })
    void context.signal
    given.push(everythingOf(context))
  })
  const extra = { principal: 'alice', raw: TOKEN, claims: { jti: TOKEN } }
  const authOf = () => ({ ...auth, token: TOKEN, extra })
  const onCall = vi.fn()
  const { url, logger } = await serve([tool], { onCall }, [], { authOf })
  for (const { body, headers } of [modernCall('spy', {}), legacyCall('spy', {})]) {
    const { text } = await post(url, body, { ...headers, authorization: `Bearer ${TOKEN}` })
    expect(text).toContain('done')
    expect(text).not.toContain(TOKEN)
  }
  expect(given).toHaveLength(2)
  for (const text of given) {
    expect(text).toContain('alice')
    expect(text).not.toContain(TOKEN)
  }
  expect(onCall).toHaveBeenCalledTimes(2)
  const told = [onCall.mock.calls, Object.values(logger).map((method) => method.mock.calls)]
  expect(everythingOf(told)).not.toContain(TOKEN)
})
