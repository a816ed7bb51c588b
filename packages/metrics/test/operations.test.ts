/** Requests for prompts and resources, told as `@mcp-prod/tools` tells of them. */
import { spawnSync } from 'node:child_process'
import {
  createToolServer,
  definePrompt,
  defineResource,
  defineResourceTemplate,
  defineTool,
  ResourceNotFoundError,
  toolHandler,
} from '@mcp-prod/tools'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createMetrics } from '../src/index.js'
import { serve } from './serve.js'

const names = ['prompt:greet', 'resource:readme', 'lookup']

function create() {
  const metrics = createMetrics({ runtime: false, tools: ['lookup'], names })
  const all = async (name: string) =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name))
  const counted = async (name: string) => (await all(name)).filter((line) => !line.endsWith(' 0'))
  return { metrics, all, counted }
}

it('begins with 0 for what prompts and resources are there for', async () => {
  const { all } = create()
  const series = await all('mcp_operations_total')
  for (const outcome of ['ok', 'not_found', 'tool_error', 'denied', 'limited', 'error']) {
    for (const of of ['prompts/get",name="prompt:greet', 'resources/read",name="resource:readme'])
      expect(series).toContain(`mcp_operations_total{method="${of}",outcome="${outcome}"} 0`)
  }
  expect(series).toHaveLength(2 * 10)
  // Tools have none of them, nor what cannot happen to a tool.
  expect(await all('mcp_tool_calls_total')).toHaveLength(9)
})

it('leaves the tool calls as they were', async () => {
  const { metrics, counted } = create()
  metrics.observeRequest({ method: 'tools/call', name: 'lookup', outcome: 'ok', durationMs: 30 })
  metrics.observeRequest({ method: 'prompts/get', name: 'prompt:greet', outcome: 'timeout' })
  metrics.observeRequest({ method: 'tools/call', name: undefined, outcome: 'invalid_input' })
  expect(await counted('mcp_tool_calls_total')).toEqual([
    'mcp_tool_calls_total{tool="lookup",outcome="ok"} 1',
    'mcp_tool_calls_total{tool="other",outcome="invalid_input"} 1',
  ])
  expect(await counted('mcp_operations_total')).toEqual([
    'mcp_operations_total{method="prompts/get",name="prompt:greet",outcome="timeout"} 1',
  ])
  expect(await counted('mcp_operation_duration_seconds')).toEqual([])
})

it('makes no series of what callers write', async () => {
  const { metrics, counted } = create()
  for (let i = 0; i < 10_000; i++) {
    const outcome = `o${i}`
    metrics.observeRequest({ method: 'resources/read', name: `resource:x${i}`, outcome })
    metrics.observeRequest({ method: `m${i}`, name: 'prompt:greet', outcome: 'ok' })
  }
  for (const method of ['tools/list', 'constructor', '__proto__', 'Prompts/get'])
    metrics.observeRequest({ method, name: 'prompt:greet', outcome: 'ok', durationMs: 1 })
  metrics.observeRequest({ method: 'prompts/get', name: '__proto__', outcome: 'toString' })
  expect(await counted('mcp_operation')).toEqual([
    'mcp_operations_total{method="resources/read",name="other",outcome="error"} 10000',
    'mcp_operations_total{method="prompts/get",name="other",outcome="error"} 1',
  ])
})

it('is the onRequest of a tool server, and reads well to Prometheus', async ({ skip }) => {
  const metrics = createMetrics({ runtime: false, tools: ['lookup'], names })
  const tools = [
    defineTool({ name: 'lookup', description: 'x', input: z.object({}), run: () => 'found' }),
  ]
  const greet = definePrompt({
    name: 'greet',
    input: z.object({ who: z.string() }),
    complete: { who: () => ['you'] },
    run: ({ who }) => `Hello ${who}`,
  })
  const readme = defineResource({ name: 'readme', uri: 'docs://readme', run: () => 'text' })
  const page = defineResourceTemplate({
    name: 'page',
    uriTemplate: 'docs://pages/{id}',
    run() {
      throw new ResourceNotFoundError()
    },
  })
  const mcp = toolHandler(
    createToolServer(tools, {
      name: 'shop',
      version: '1.0.0',
      prompts: [greet],
      resources: [readme, page],
      onRequest: metrics.observeRequest,
    }),
  )
  const { origin } = await serve(mcp.middleware)
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const ask = async (method: string, params: object) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    await (await fetch(`${origin}/mcp`, { method: 'POST', headers, body })).text()
  }
  await ask('tools/call', { name: 'lookup', arguments: {} })
  await ask('prompts/get', { name: 'greet', arguments: { who: 'you' } })
  await ask('prompts/get', { name: 'evil"} 1\n', arguments: {} })
  await ask('resources/read', { uri: 'docs://readme' })
  await ask('resources/read', { uri: 'docs://pages/7' })
  const ref = { type: 'ref/prompt', name: 'greet' }
  await ask('completion/complete', { ref, argument: { name: 'who', value: 'y' } })
  await mcp.close()

  const input = await metrics.registry.metrics()
  const shown = input.split('\n').filter((line) => /^mcp_(tool_calls|operations)_total/.test(line))
  expect(shown.filter((line) => !line.endsWith(' 0')).sort()).toEqual([
    'mcp_operations_total{method="completion/complete",name="prompt:greet",outcome="ok"} 1',
    'mcp_operations_total{method="prompts/get",name="other",outcome="not_found"} 1',
    'mcp_operations_total{method="prompts/get",name="prompt:greet",outcome="ok"} 1',
    // `page` is no label that these metrics were given.
    'mcp_operations_total{method="resources/read",name="other",outcome="not_found"} 1',
    'mcp_operations_total{method="resources/read",name="resource:readme",outcome="ok"} 1',
    'mcp_tool_calls_total{tool="lookup",outcome="ok"} 1',
  ])
  const timed =
    /mcp_operation_duration_seconds_count\{method="resources\/read",name="resource:readme"\} 1/
  expect(input).toMatch(timed)
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  if (promtool.error && process.env.REQUIRE_COMPONENTS !== '1') skip('promtool is not installed')
  expect(promtool.error).toBeUndefined()
  expect(promtool.stderr).toBe('')
})
