import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** Where tests of a sibling import what they test, they get what stands here. */
function inPlaceOf(folder: string, files: Record<string, string>): Plugin {
  return {
    name: 'sdk-v1',
    enforce: 'pre',
    resolveId(source, importer) {
      const file = importer?.includes(`/packages/${folder}/test/`) && files[source]
      return file ? path(file) : undefined
    },
  }
}

const tools = { '../src/index.js': './src/index.ts' }
// A request of 2026-07-28 is one of 2025-11-25 here.
const older = { ...tools, './listen-call.js': './test/support/listen-call.ts' }
const server = { './fixtures.js': './test/support/session-fixtures.ts' }
const elsewhere = path('./test/support/elsewhere.ts')
const served =
  'abandoned,batches,budget,completion,discreet,hooks,list,no-json,paging,pipelined,principal,prompts'
const asked = 'resource-subscriptions,resource-uris,resources,run-context,session,tools,trace'

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [inPlaceOf('tools', tools)],
        test: { name: 'sdk-v1', include: ['test/**/*.test.ts'] },
      },
      {
        plugins: [inPlaceOf('tools', older)],
        test: {
          name: 'tools',
          root: path('../tools'),
          include: [`test/{${served},${asked}}.test.ts`],
          setupFiles: [elsewhere],
        },
      },
      {
        plugins: [inPlaceOf('sessions', server)],
        test: {
          name: 'sessions',
          root: path('../sessions'),
          include: ['test/{asks,attacks,clients,close,protocol,resume}.test.ts'],
          setupFiles: [elsewhere],
        },
      },
    ],
  },
})
