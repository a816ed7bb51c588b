import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { clients, connect } from '../support/clients.js'
import { speaks2026 } from '../support/era.js'
import { testRedis } from '../support/redis-server.js'
import { runningApp } from '../support/running-app.js'

const server = await testRedis()
const env = { REDIS_URL: server?.url ?? 'redis://127.0.0.1:1' }
const [app, other] = await Promise.all([runningApp(env), runningApp(env)])
afterAll(async () => {
  await Promise.all([app.close(), other.close()])
  await server?.close()
})

/** The URI of this caller's note, as it is listed. */
async function uriOf(client: Awaited<ReturnType<typeof connect>>, name: string) {
  const { resources } = await client.listResources()
  return resources.find((resource) => resource.name === name)?.uri ?? 'none'
}

describe.skipIf(!server)('notes', () => {
  it.each(clients)('are listed and read by %s', async (_, open) => {
    const client = await open(app.url, app.token)
    const name = randomUUID()
    await client.callTool({ name: 'remember', arguments: { name, text: 'milk' } })
    const { resources } = await client.listResources()
    const uri = resources.find((resource) => resource.name === name)?.uri ?? 'none'
    expect(uri).toMatch(/^note:\/\/[0-9a-f]{16}\//)
    const { contents } = await client.readResource({ uri })
    expect(contents).toMatchObject([{ text: 'milk' }])
    await client.close()
  })

  it('of others do not exist, and neither does news of them', async () => {
    const client = await connect(app.url, app.token)
    await client.callTool({ name: 'remember', arguments: { name: 'list', text: 'milk' } })
    const theirs = (await uriOf(client, 'list')).replace(/\/\/[0-9a-f]{16}/, `//${'0'.repeat(16)}`)
    await expect(client.readResource({ uri: theirs })).rejects.toThrow('not found')
    await client.close()
  })

  it.skipIf(!speaks2026)('that one replica changes are news at the other', async () => {
    const [listener, writer] = await Promise.all([
      connect(app.url, app.token),
      connect(other.url, other.token),
    ])
    const name = randomUUID()
    await writer.callTool({ name: 'remember', arguments: { name, text: 'milk' } })
    const uri = await uriOf(writer, name)
    const news: string[] = []
    listener.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      news.push(params.uri)
    })
    const subscription = await listener.listen({ resourceSubscriptions: [uri] })
    await writer.callTool({ name: 'remember', arguments: { name, text: 'bread' } })
    await expect.poll(() => news, { timeout: 10_000 }).toEqual([uri])
    const { contents } = await listener.readResource({ uri })
    expect(contents).toMatchObject([{ text: 'bread' }])
    await subscription.close()
    await Promise.all([listener.close(), writer.close()])
  })
})

it('are left out of the list while Redis is away', async () => {
  const away = await runningApp({ REDIS_URL: 'redis://127.0.0.1:1' })
  const client = await connect(away.url, away.token)
  const { resources } = await client.listResources()
  expect(resources.map(({ uri }) => uri)).toEqual(['sample://dice', 'sample://primes'])
  await client.close()
  await away.close()
})
