import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from './support/command.js'
import { type GuideServer, startGuideServer } from './support/existing/guide-server.js'
import { anchorsOf, brokenLinks, documents } from './support/existing/links.js'
import { type Block, blocksOf, notRun } from './support/existing/markdown.js'
import { kinds, unknownNames } from './support/existing/names.js'
import { shown } from './support/existing/shell.js'
import { missing } from './support/faults/components.js'

/** The production checklist, as the guides have it: a section for each point. */
const checklist = {
  security: [
    'TLS on all traffic',
    'Hardened server',
    'Authentication required',
    'Secrets management',
    'Input validation',
    'Rate limiting',
    'CORS',
  ],
  observability: ['Structured logs', 'Metrics', 'Health', 'Readiness', 'Tracing', 'Alerting'],
  reliability: [
    'Graceful shutdown',
    'Deadlines',
    'Retries',
    'Circuit breakers',
    'Connection pooling',
    'Panic recovery',
  ],
  performance: [
    'Resource limits',
    'CPU limit honoured',
    'Connection reuse',
    'JSON on the hot path',
    'Load tested',
    'Profiling ready',
  ],
  deployment: [
    'Container image',
    'Replicas',
    'Rolling updates',
    'Liveness probe',
    'Readiness probe',
    'Rollback',
  ],
}
const leads = ['What can go wrong.', 'What is done.', 'See it.', 'Yours.']

const read = (path: string) => readFile(join(root, path), 'utf8')
const guides = await Promise.all(
  Object.entries(checklist).map(async ([name, points]) => {
    const text = await read(`docs/guides/${name}.md`)
    return { name, points, text, blocks: blocksOf(text) }
  }),
)

describe('links', async () => {
  it.each(await documents())('of %s lead somewhere', async (path) => {
    expect(await brokenLinks(path, await read(path))).toEqual([])
  })

  it('are found broken where they are', async () => {
    const text = '# A b\n[x](nowhere.md) [y](README.md#nowhere) [z](#a-b) [w](../outside.md)'
    const broken = await brokenLinks('README.md', text)
    expect(broken.map((each) => each.split(':')[0])).toEqual([
      'nowhere.md',
      'README.md#nowhere',
      '../outside.md',
    ])
    expect(anchorsOf('# `a` & [b](c)\n# x\n# x')).toEqual(new Set(['a--b', 'x', 'x-1']))
  })
})

describe('guides', () => {
  it.each(guides)('$name has each point of the checklist, and all that belongs to one', (guide) => {
    const sections = guide.text.split(/^## /m).slice(1)
    expect(sections.map((section) => section.split('\n')[0])).toEqual(guide.points)
    for (const section of sections) {
      const bold = [...section.matchAll(/^\*\*(.+?)\*\*/gm)].map(([, lead]) => lead)
      expect(bold, section).toEqual(leads)
      expect(section).toMatch(/^```sh$/m)
    }
  })

  it.each(guides)('$name has commands and what they print, and no other blocks', (guide) => {
    for (const { language, line } of guide.blocks)
      expect(['sh', 'text'], `line ${line}`).toContain(language)
    expect(guide.text.match(/```/g)).toHaveLength(2 * guide.blocks.length)
  })

  it('are all in the index', async () => {
    const index = await read('docs/README.md')
    for (const { name } of guides) expect(index).toContain(`](guides/${name}.md)`)
  })
})

/** What a block needs that is not on every machine. */
function lackingFor({ text }: Block): string | undefined {
  const components = {
    promtool: ['--version'],
    kubectl: ['version', '--client'],
    openssl: ['version'],
  }
  for (const [program, args] of Object.entries(components))
    if (text.includes(`${program} `)) return missing(program, [program, ...args])
  return undefined
}

const noCurl = missing('curl', ['curl', '--version']) ?? missing('openssl', ['openssl', 'version'])

describe.skipIf(noCurl)(`a server as the guides have it${noCurl ? `: ${noCurl}` : ''}`, () => {
  let server: GuideServer

  beforeAll(async () => {
    server = await startGuideServer()
  })
  afterAll(() => server?.end())

  const commands = guides.flatMap(({ name, blocks }) =>
    blocks
      .map((block, index) => ({ block, answer: blocks[index + 1], name, heading: block.heading }))
      .filter(({ block }) => block.language === 'sh' && notRun(block) === undefined),
  )

  it.for(commands)('prints what $name shows: $heading', async (each, { skip }) => {
    const { block, answer } = each
    const lacking = lackingFor(block)
    skip(lacking !== undefined, lacking)
    expect(answer, `line ${block.line} shows no answer`).toMatchObject({
      language: 'text',
      before: '',
    })
    expect(await server.run(block.text)).toMatch(shown(server.onPorts(answer?.text ?? '')))
  })

  it.each(guides)('has everything that $name names', async ({ text }) => {
    expect(unknownNames(text, await kinds(server.folder))).toEqual([])
  })

  it('lacks what nobody has', async () => {
    const text =
      'MAX_NOTHING mcp_nothing_total McpNothing src/nothing.ts `doNothing` @mcp-prod/nothing'
    expect(unknownNames(text, await kinds(server.folder))).toHaveLength(6)
  })
})
