import { describe, expect, it } from 'vitest'
import { featuresOf, type Selection } from '../src/features.js'
import { finish } from '../src/steps/finish.js'

async function printed(selection: Selection, install = true, target = '/w/x') {
  let text = ''
  const plan = {
    ...{ target, name: '@acme/search', features: featuresOf(selection), options: {} },
    ...{ install, git: true, dryRun: false, unasked: false },
  }
  await finish({
    plan,
    from: '/w',
    source: { templates: '', kit: { kind: 'registry', versions: {} } },
    progress: {
      say: (said) => {
        text += said
      },
      step: async () => {},
    },
    signal: new AbortController().signal,
    files: new Map(),
  })
  const start = text.indexOf('\n{')
  return { words: text.slice(0, start).trim(), client: JSON.parse(text.slice(start)) }
}

const clientWith = (server: object) => ({ mcpServers: { search: { type: 'http', ...server } } })
const headers = { Authorization: `Bearer $${'{MCP_DEV_API_KEY}'}` }

describe('the end of a run says what to type next', () => {
  it('with API keys', async () => {
    const { words, client } = await printed({ auth: 'apikey' })
    expect(words).toBe(`@acme/search is ready. Next:

  cd x
  npm run dev

It serves http://127.0.0.1:8080/mcp
Its development key is MCP_DEV_API_KEY in .env, which git ignores.
Client configuration, with the key in the client's environment, or in place of
the variable:`)
    expect(client).toEqual(clientWith({ url: 'http://127.0.0.1:8080/mcp', headers }))
  })

  it.each(['jwt', 'introspection'])('with OAuth (%s), and no word of a key', async (auth) => {
    const { words, client } = await printed({ auth })
    expect(
      words,
    ).toBe(`@acme/search is ready. In a second terminal, start its development authorization server:

  cd x
  npm run auth-server

Then the server:

  cd x
  npm run dev

It serves http://localhost:8080/mcp
Clients find the authorization server by themselves; you sign in in the browser.
Client configuration:`)
    expect(client).toEqual(clientWith({ url: 'http://localhost:8080/mcp' }))
  })

  it('with both, the key first', async () => {
    const { words, client } = await printed({ auth: 'apikey+jwt' })
    expect(words).toBe(`@acme/search is ready. Next:

  cd x
  npm run dev

It serves http://localhost:8080/mcp
Its development key is MCP_DEV_API_KEY in .env, which git ignores.
For OAuth, first start npm run auth-server in a second terminal, and leave the
headers out.
Client configuration, with the key in the client's environment, or in place of
the variable:`)
    expect(client).toEqual(clientWith({ url: 'http://localhost:8080/mcp', headers }))
  })

  it('with npm install once where nothing is installed', async () => {
    expect((await printed({ auth: 'jwt' }, false)).words).toContain(
      '  cd x\n  npm install\n  npm run auth-server\n\nThen the server:\n\n  cd x\n  npm run dev\n',
    )
    expect((await printed({}, false)).words).toContain('  cd x\n  npm install\n  npm run dev\n')
  })

  it.each(['apikey', 'jwt'])('with %s and databases, how to start them', async (auth) => {
    const { words } = await printed({ auth, postgres: true, redis: true })
    expect(words).toContain('  docker compose up --wait postgres redis\n  npm run dev\n')
    expect(words).not.toContain('DATABASE_URL')
    expect((await printed({ auth, redis: true })).words).toContain('up --wait redis\n')
  })

  it.each(['apikey', 'jwt'])(
    'with %s and databases of the user, where to name them',
    async (auth) => {
      const { words } = await printed({ auth, postgres: true, redis: true, deploy: 'none' })
      expect(words).toContain('Set DATABASE_URL and REDIS_URL in .env first.')
      expect(words).not.toContain('docker')
      expect((await printed({ auth, deploy: 'none' })).words).not.toContain('Set ')
    },
  )

  it('without cd where the shell stands in the project', async () => {
    for (const auth of ['apikey', 'jwt']) {
      expect((await printed({ auth }, true, '/w')).words).not.toContain('cd ')
    }
  })
})
