import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tools } from '../src/tools/index.js'
import { clients, connect } from './support/clients.js'
import { runningApp } from './support/running-app.js'
import { weatherServer } from './support/weather-server.js' // +upstream

let app: Awaited<ReturnType<typeof runningApp>>
let weather: Awaited<ReturnType<typeof weatherServer>> // +upstream

beforeAll(async () => {
  weather = await weatherServer() // +upstream
  app = await runningApp({
    // What the upstreams of the tools are in this test.
    WEATHER_URL: weather.url, // +upstream
  })
})
afterAll(async () => {
  await app.close()
  weather.close() // +upstream
})

describe.each(clients)('with %s', (_, open) => {
  it('lists every tool', async () => {
    const client = await open(app.url, app.token)
    const listed = await client.listTools()
    expect(listed.tools.map((tool) => tool.name)).toEqual(tools.map((tool) => tool.name))
    await client.close()
  })

  it('calls the tools', async () => {
    const client = await open(app.url, app.token)
    const summary = await client.callTool({
      name: 'summarize_numbers',
      arguments: { numbers: [1, 2, 3] },
    })
    expect(summary.structuredContent).toMatchObject({ count: 3, mean: 2 })
    const countdown = await client.callTool({ name: 'countdown', arguments: { seconds: 1 } })
    expect(countdown.structuredContent).toEqual({ waitedSeconds: 1 })
    const place = { latitude: 59.3, longitude: 18.1 } // +upstream
    const current = await client.callTool({ name: 'current_weather', arguments: place }) // +upstream
    expect(current.structuredContent).toMatchObject({ temperatureC: 7.5 }) // +upstream
    await client.close()
  })

  it('lists, completes and reads resources', async () => {
    const client = await open(app.url, app.token)
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toContain('sample://dice')
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain('sample://{name}')
    const { completion } = await client.complete({
      ref: { type: 'ref/resource', uri: 'sample://{name}' },
      argument: { name: 'name', value: 'pr' },
    })
    expect(completion.values).toEqual(['primes'])
    const { contents } = await client.readResource({ uri: 'sample://primes' })
    expect(JSON.stringify(contents)).toContain('[2,3,5,7,11')
    await expect(client.readResource({ uri: 'sample://none' })).rejects.toThrow('not found')
    await client.close()
  })

  it('lists, completes and gives prompts', async () => {
    const client = await open(app.url, app.token)
    const { prompts } = await client.listPrompts()
    expect(prompts.map(({ name }) => name)).toContain('describe_sample')
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'describe_sample' },
      argument: { name: 'sample', value: 'd' },
    })
    expect(completion.values).toEqual(['dice'])
    const { messages } = await client.getPrompt({
      name: 'describe_sample',
      arguments: { sample: 'dice' },
    })
    expect(JSON.stringify(messages)).toContain('sample://dice')
    await client.close()
  })

  it('asks for the scopes of a prompt as for those of a tool', async () => {
    const client = await open(app.url, app.bareToken)
    const prompt = client.getPrompt({ name: 'describe_sample', arguments: { sample: 'dice' } })
    await expect(prompt).rejects.toThrow(/scope/i)
    await client.close()
  })

  it('says which argument is wrong', async () => {
    const client = await open(app.url, app.token)
    const result = await client.callTool({
      name: 'summarize_numbers',
      arguments: { numbers: ['one'] },
    })
    expect(result.isError).toBe(true)
    expect(JSON.stringify(result.content)).toContain('numbers.0')
    await client.close()
  })
})

it('lists only what the caller may call, where that is set', async () => {
  const shy = await runningApp({ LIST_ONLY_CALLABLE: 'true' })
  const names = async (token: string) => {
    const client = await connect(shy.url, token)
    const listed = await client.listTools()
    await client.close()
    return listed.tools.map((tool) => tool.name)
  }
  expect(await names(shy.token)).toEqual(tools.map((tool) => tool.name))
  const open = tools.filter((tool) => tool.scopes.length === 0)
  expect(await names(shy.bareToken)).toEqual(open.map((tool) => tool.name))
  await shy.close()
})

it('reports progress while a tool works', async () => {
  const client = await connect(app.url, app.token)
  const steps: number[] = []
  await client.callTool(
    { name: 'countdown', arguments: { seconds: 2 } },
    { onprogress: ({ progress }) => steps.push(progress) },
  )
  expect(steps).toEqual([1, 2])
  await client.close()
})

it('counts calls and logs who made them, without the token', async () => {
  const client = await connect(app.url, app.token)
  await client.callTool({ name: 'summarize_numbers', arguments: { numbers: [1] } })
  await client.close()
  expect(await app.metrics()).toMatch(
    /mcp_tool_calls_total\{tool="summarize_numbers",outcome="ok"\} [1-9]/,
  )
  expect(await app.metrics()).toMatch(
    /mcp_operations_total\{method="resources\/read",name="resource:sample",outcome="ok"\} [1-9]/,
  )
  const logs = await app.logs()
  expect(logs).toMatch(/"log":"audit".*"method":"resources\/read".*"target":"sample:\/\/primes"/)
  expect(logs).toContain(`"principal":"${app.access.principal}"`)
  expect(logs).not.toContain(app.token)
})
