import { createServer } from 'node:http'
import { handleProcessErrors } from '../src/index.js'

// A server that fails as its first argument says, under the policy that the second one gives as JSON.
const [scenario = '', policy = '{}'] = process.argv.slice(2)
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const log = (message: string, fields: { error?: unknown } = {}) => {
  if (scenario === 'broken logger') throw new Error('the logger is broken')
  say({ message, error: String(fields.error ?? '') })
}
const fail = () => {
  throw new Error('in a timer')
}

const server = createServer((req, res) => {
  if (req.url === '/slow') setTimeout(() => res.end('slow'), 300)
  else res.end('quick')
  if (req.url !== '/fail') return
  if (scenario === 'forgotten await') void Promise.reject(new Error('forgotten'))
  else setTimeout(fail)
})
server.listen(0, '127.0.0.1', () => say({ message: 'listening', ...(server.address() as object) }))

handleProcessErrors({
  logger: { info: log, warn: log, error: log },
  stop(reason, exitCode) {
    say({ message: 'stop', reason, exitCode })
    if (scenario === 'stop hangs') return new Promise(() => {})
    if (scenario === 'stop throws') throw new Error('stop')
    if (scenario === 'throws again') for (let i = 0; i < 50; i++) setTimeout(fail)
    server.close(() => setTimeout(() => process.exit(exitCode), 50))
    server.closeIdleConnections()
    return undefined
  },
  onError: (kind) => say({ message: 'counted', kind }),
  ...JSON.parse(policy),
})
