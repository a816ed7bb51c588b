import { expect, it } from 'vitest'
import { askedIn } from '../src/index.js'

const listen = (resourceSubscriptions: unknown) => ({ notifications: { resourceSubscriptions } })

it.each([
  ['tools/call', { name: 'sum' }, ['sum']],
  ['tools/list', {}, []],
  ['completion/complete', { params: { ref: { type: 'ref/prompt', name: 'p' } } }, ['p']],
  [
    'completion/complete',
    { params: { ref: { type: 'ref/resource', uri: 'a://{b}' } } },
    ['a://{b}'],
  ],
  ['completion/complete', { name: 'other', params: {} }, []],
  ['completion/complete', { params: { ref: { type: 'ref/prompt', name: {} } } }, []],
  ['subscriptions/listen', { params: listen(['a://b', 1, 'a://u:pw@c']) }, ['a://b', 'a://c']],
  ['subscriptions/listen', { params: listen('a://b') }, []],
  ['subscriptions/listen', {}, []],
])('%s of %o asks for %j', (method, call, asked) => {
  expect(askedIn({ method, ...call })).toEqual(asked)
})

it.each(['https://u:pw@h/p', 'https:/u:pw@h/p', 'https:\\\\u:pw@h/p', ' https:u:pw@h/p'])(
  'keeps no password of %j',
  (name) => {
    expect(askedIn({ method: 'resources/read', name }).join()).not.toContain('pw')
  },
)

it('keeps little of what is long', () => {
  const name = `a://${'b'.repeat(1_000_000)}`
  expect(askedIn({ method: 'resources/read', name })[0]?.length).toBeLessThan(300)
  const uris = new Array(10_000).fill(name)
  expect(askedIn({ method: 'subscriptions/listen', params: listen(uris) }).length).toBe(101)
})
