import { execFileSync } from 'node:child_process'
import { closeSync, open, openSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock } from 'node:test'
import { secret, watchConfig } from '../src/index.js'

// Watches two files of the folder that its second argument names, in a process that the first one sends into trouble.
const [scenario = '', folder = ''] = process.argv.slice(2)
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const write = (name: string, content: string) => {
  writeFileSync(join(folder, `${name}.new`), content)
  renameSync(join(folder, `${name}.new`), join(folder, name))
}
const turn = () => new Promise((resolve) => setImmediate(resolve))
const waiting = () =>
  process.getActiveResourcesInfo().filter((name) => name === 'FSReqPromise').length

if (scenario === 'hung mount') mock.timers.enable({ apis: ['setTimeout'] })
write('a', 'old')
write('b', 'old')
let taken = false
const watch = watchConfig(
  { A_KEY: secret(), B_KEY: secret() },
  {
    env: { A_KEY_FILE: join(folder, 'a'), B_KEY_FILE: join(folder, 'b') },
    onChange(_config, changed) {
      taken = true
      say({ changed })
    },
    onFault: (error) => say({ faults: error.faults }),
    onError: (error) => say({ error: String(error) }),
  },
)

if (scenario === 'watching') {
  await watch.check()
  say({ done: true })
} else {
  // The only thread that files are read with (UV_THREADPOOL_SIZE) waits for a pipe, as it would for a dead server.
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const opened = new Promise<number>((resolve) => {
    open(pipe, 'r', (_error, file) => resolve(file))
  })
  write('a', 'new')
  write('b', 'new')
  const checks = Array.from({ length: 50 }, () => watch.check())
  await turn()
  say({ checks: checks.length, waiting: waiting() })

  for (let i = 0; i < 20; i++) {
    mock.timers.tick(10_000)
    await turn()
  }
  await Promise.all(checks)
  say({ waiting: waiting() })

  closeSync(openSync(pipe, 'w'))
  closeSync(await opened)
  while (!taken) {
    await turn()
    await watch.check()
  }
  say({ done: true })
}
