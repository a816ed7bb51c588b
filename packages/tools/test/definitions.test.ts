import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import {
  definePrompt,
  defineResource,
  defineResourceTemplate,
  defineTool,
  definitionsOf,
} from '../src/index.js'

const run = () => ''
const tool = defineTool({
  name: 'same',
  description: 'A tool',
  input: z.object({}),
  scopes: ['t'],
  weight: 2,
  limitPerMinute: 5,
  maxConcurrent: 3,
  run,
})
const prompt = definePrompt({ name: 'same', scopes: ['p'], weight: 3, run })
const fixed = defineResource({ name: 'same', uri: 'a://b', scopes: ['r'], weight: 4, run })
const template = defineResourceTemplate({
  name: 'other',
  uriTemplate: 'x://{y}',
  scopes: ['x', 'r'],
  weight: 5,
  maxConcurrent: 1,
  run,
})
const definitions = definitionsOf({
  tools: [tool],
  prompts: [prompt],
  resources: [fixed, template],
})

describe('definitionsOf', () => {
  it.each([
    ['tools/call', { name: 'same' }, tool, 'same', ['t'], 2],
    ['prompts/get', { name: 'same' }, prompt, 'prompt:same', ['p'], 3],
    ['resources/read', { name: 'a://b' }, fixed, 'resource:same', ['r'], 4],
    ['resources/read', { name: 'x://1' }, template, 'resource:other', ['x', 'r'], 5],
    ['resources/subscribe', { name: 'x://1' }, template, 'resource:other', ['x', 'r'], 5],
    ['resources/unsubscribe', { name: 'a://b' }, fixed, 'resource:same', ['r'], 4],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'same' } },
      prompt,
      'prompt:same',
      ['p'],
      3,
    ],
    [
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'x://{y}' } },
      template,
      'resource:other',
      ['x', 'r'],
      5,
    ],
    [
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'x://2' } },
      template,
      'resource:other',
      ['x', 'r'],
      5,
    ],
  ] as const)('finds what %s %j is about', (method, asked, found, name, scopes, weight) => {
    const call = 'ref' in asked ? { method, params: asked } : { method, ...asked }
    expect(definitions.find(call)).toBe(found)
    expect(definitions.nameOf(call)).toBe(name)
    expect(definitions.scopesOf(call)).toEqual(scopes)
    expect(definitions.weightOf(call)).toBe(weight)
    expect(definitions.labels).toContain(name)
  })

  it('asks the scopes of every resource that a listen names', () => {
    const listen = (...uris: unknown[]) => ({
      method: 'subscriptions/listen',
      params: { notifications: { resourceSubscriptions: uris } },
    })
    expect(definitions.scopesOf(listen('a://b', 'x://1', 'none://', 7))).toEqual(['r', 'x'])
    expect(definitions.scopesOf(listen())).toEqual([])
    expect(definitions.nameOf(listen('a://b'))).toBeUndefined()
  })

  it.each([
    { method: 'tools/call', name: 'none' },
    { method: 'tools/call' },
    { method: 'tools/list', name: 'same' },
    { method: 'resources/list', name: 'a://b' },
    { method: 'prompts/get', name: 'a://b' },
    { method: '', name: 'same' },
    { method: 'completion/complete' },
    { method: 'completion/complete', params: { ref: null } },
    { method: 'completion/complete', params: { ref: { type: 'ref/prompt', name: ['same'] } } },
    { method: 'completion/complete', params: { ref: { type: 'ref/resource', uri: 7 } } },
    { method: 'subscriptions/listen', params: { notifications: null } },
    { method: 'subscriptions/listen', params: { notifications: { resourceSubscriptions: 'a' } } },
  ])('finds nothing for %j', (call) => {
    expect(definitions.find(call)).toBeUndefined()
    expect(definitions.nameOf(call)).toBeUndefined()
    expect(definitions.scopesOf(call)).toEqual([])
    expect(definitions.weightOf(call)).toBe(1)
  })

  it('takes no two of a kind with one name or URI', () => {
    const twin = defineResource({ name: 'twin', uri: 'a://b', run })
    for (const lists of [
      { tools: [tool, tool] },
      { prompts: [prompt, prompt] },
      { resources: [fixed, { ...template, name: 'same' }] },
      { resources: [fixed, twin] },
    ])
      expect(() => definitionsOf(lists)).toThrow(
        expect.objectContaining({ code: 'ERR_TOOLS_OPTION' }),
      )
  })
})
