import { parseArgs } from 'node:util'
import { credentialOf } from './credential.js'
import { milliseconds, number, objectOf, percent, UsageError, urlOf } from './option-values.js'
import { ERAS, type Era } from './run.js'
import { SPOKEN } from './spoken.js'

/** What is called when nothing else is said. */
const EXAMPLE = { tool: 'summarize_numbers', args: '{"numbers":[8,3,5,1,9]}' }

const HELP = `Calls a tool of the running server with more and more connections until it breaks, and says what it can take.

npm run load -- [options]

  --url URL             the MCP endpoint [http://127.0.0.1:<PORT or 8080>/mcp]
  --token-file FILE     a file with the credential [TOKEN, or MCP_DEV_API_KEY of .env]
  --tool NAME           the tool to call [${EXAMPLE.tool}]
  --args JSON           its arguments [${EXAMPLE.args}]; they are written into the results
  --allow-writes        call a tool that does not say it only reads, thousands of times
  --era ERA             ${ERAS.join(', ')} or both [${SPOKEN}]
  --max-connections N   where the ramp ends [512]
  --stage-seconds N     how long each stage takes [5]
  --max-error-rate N    percent of calls that may fail, or be refused [1]
  --max-p99 TIME        the longest acceptable p99, such as 500ms or 2s [1s]
  --metrics URL         the server's /metrics, for its CPU [of .env's server; none with --url]
  --out FOLDER          where the results go [load/results]

Exit codes: 0 measured; 1 no capacity found: no answer, a refusal, rate limits, or broken from the start; 2 wrong usage;
130 interrupted, with what there was.
`

const words = {
  url: { type: 'string' },
  'token-file': { type: 'string' },
  tool: { type: 'string', default: EXAMPLE.tool },
  args: { type: 'string' },
  'allow-writes': { type: 'boolean', default: false },
  era: { type: 'string', default: SPOKEN },
  'max-connections': { type: 'string', default: '512' },
  'stage-seconds': { type: 'string', default: '5' },
  'max-error-rate': { type: 'string', default: '1' },
  'max-p99': { type: 'string', default: '1s' },
  metrics: { type: 'string' },
  out: { type: 'string', default: 'load/results' },
  help: { type: 'boolean', default: false },
} as const

export type Options = Awaited<ReturnType<typeof readOptions>>

/** What the command line and the environment ask for; undefined when only help was. @throws UsageError */
export async function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv) {
  const values = parse(argv)
  const args = values.args ?? (values.tool === EXAMPLE.tool ? EXAMPLE.args : '{}')
  const url = urlOf('--url', values.url ?? `http://127.0.0.1:${env.PORT ?? 8080}/mcp`)
  return {
    help: values.help ? HELP : undefined,
    url,
    token: values.help ? '' : await credentialOf(url, values['token-file'], env),
    tool: values.tool,
    args: objectOf('--args', args),
    allowWrites: values['allow-writes'],
    eras: erasOf(values.era),
    maxConnections: number('--max-connections', values['max-connections'], 1, 4_096, 'whole'),
    stageSeconds: number('--stage-seconds', values['stage-seconds'], 0.2, 600),
    maxErrorRate: percent('--max-error-rate', values['max-error-rate']),
    maxP99Ms: milliseconds('--max-p99', values['max-p99']),
    metricsUrl: metricsOf(values, env),
    out: values.out,
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: words, allowPositionals: false }).values
  } catch (error) {
    if (argv.some((word) => /^--token(=|$)/.test(word))) {
      throw new UsageError(
        '--token is not taken: every user of the machine would see it in the list of processes. ' +
          'Set TOKEN in the environment, or name a file with --token-file',
      )
    }
    const [what] = (error as Error).message.split('. ')
    throw new UsageError(`${what}; npm run load -- --help lists the options`)
  }
}

function erasOf(text: string): readonly Era[] {
  const eras = text === 'both' ? ERAS : ERAS.filter((era) => era === text)
  if (eras.length > 0) return eras
  throw new UsageError(`--era is ${JSON.stringify(text)}; give ${ERAS.join(', ')} or both`)
}

function metricsOf(values: { metrics?: string; url?: string }, env: NodeJS.ProcessEnv) {
  if (values.metrics !== undefined) return urlOf('--metrics', values.metrics)
  // Another server's processors would say nothing about the one that is called.
  if (values.url !== undefined || env.ADMIN_PORT === 'none') return undefined
  return new URL(`http://127.0.0.1:${env.ADMIN_PORT ?? 8081}/metrics`)
}
