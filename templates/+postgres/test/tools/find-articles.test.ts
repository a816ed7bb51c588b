import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ToolError } from '@mcp-prod/tools'
import { afterAll, describe, expect, it } from 'vitest'
import { findArticles } from '../../src/tools/find-articles.js'
import { clients } from '../support/clients.js'
import { openedPostgres } from '../support/opened-postgres.js'
import { testDatabase } from '../support/postgres-server.js'
import { runningApp } from '../support/running-app.js'
import { toolContext } from '../support/tool-context.js'

const database = await testDatabase()
const url = database?.url ?? 'postgres://127.0.0.1:1/none'
const postgres = openedPostgres({ DATABASE_URL: url })
const app = await runningApp({ DATABASE_URL: url })
afterAll(async () => {
  await postgres.close()
  await app.close()
  await database?.close()
})

async function namesFor(text: string, limit = 10): Promise<string[]> {
  const found = await findArticles.run({ text, limit }, toolContext({ services: { postgres } }))
  return (found as { articles: { name: string }[] }).articles.map(({ name }) => name)
}

describe.skipIf(!database)('with a database', () => {
  it('finds by a part of the name in any case, in order, and no more than wanted', async () => {
    const all = ['Desk lamp', 'Floor lamp', 'Lampshade 50% linen']
    expect(await namesFor('LAMP')).toEqual(all)
    expect(await namesFor('lamp', 2)).toEqual(all.slice(0, 2))
    expect(await namesFor('nothing like it')).toEqual([])
  })

  it.each([
    ['%', ['Lampshade 50% linen']],
    ['50%', ['Lampshade 50% linen']],
    ['_', []],
    ['\\', []],
    ['l%p', []],
    ["' or '1'='1", []],
    ["%' or 1=1 --", []],
    ["'; drop table articles; --", []],
    ["\\'; delete from articles; --", []],
    ['$1', []],
  ])('takes %j for the text that it is', async (text, expected) => {
    expect(await namesFor(text)).toEqual(expected)
    expect(await namesFor('lamp')).toHaveLength(3)
  })

  it.each(clients)('answers %s', async (_, open) => {
    const client = await open(app.url, app.token)
    const call = { name: 'find_articles', arguments: { text: 'desk' } }
    const { structuredContent } = await client.callTool(call)
    expect(structuredContent).toMatchObject({
      articles: [
        { name: 'Desk lamp', priceCents: 3900, inStock: 12 },
        { name: 'Standing desk', priceCents: 59900, inStock: 0 },
      ],
    })
    await client.close()
  })

  it('hides a fault of its own behind a correlation id', async () => {
    const elsewhere = new URL(url)
    elsewhere.searchParams.set('options', '-c search_path=nowhere')
    const broken = openedPostgres({ DATABASE_URL: elsewhere.href })
    const context = toolContext({ services: { postgres: broken } })
    const failing = findArticles.run({ text: 'lamp', limit: 1 }, context)
    await expect(failing).rejects.toThrow('relation "articles" does not exist')
    await expect(failing).rejects.not.toBeInstanceOf(ToolError)
    await broken.close()
  })

  it('has a schema that can be applied again and again, also by two at once', {
    timeout: 60_000,
  }, async () => {
    const apply = () =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', 'scripts/db-schema.ts'], {
        env: {
          PATH: process.env.PATH,
          NODE_ENV: 'production',
          ...app.access.env,
          DATABASE_URL: url,
        },
      })
    for (const { stdout } of await Promise.all([apply(), apply()]))
      expect(stdout).toContain('applied')
    expect(await namesFor('lamp')).toHaveLength(3)
  })
})

it.each([
  ['NUL', { text: 'a\u0000b' }],
  ['no text', { text: '' }],
  ['a long text', { text: 'x'.repeat(101) }],
  ['too many rows', { text: 'lamp', limit: 51 }],
  ['another type', { text: { $ne: 1 } }],
])('refuses %s', async (_, input) => {
  const { issues } = await findArticles.input['~standard'].validate(input)
  expect(issues).toBeDefined()
})

it('tells the caller that the database is away, and no more than that', async () => {
  const away = await runningApp({ DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:1/none' })
  const [[, open]] = clients
  const client = await open(away.url, away.token)
  const call = { name: 'find_articles', arguments: { text: 'lamp' } }
  const { isError, content } = await client.callTool(call)
  expect({ isError, content }).toEqual({
    isError: true,
    content: [{ type: 'text', text: 'The database is not available; try again in a minute' }],
  })
  expect(await away.logs()).toContain('ECONNREFUSED')
  expect(await away.logs()).not.toContain('hunter2')
  await client.close()
  await away.close()
})
