import { expect } from 'vitest'
import { access, complete, enough, serverProcess } from './support/server-process.js'
import { openSession } from './support/session.js'

complete(
  'a shutdown waits for the call of a session, not for its stream, and ends both in order',
  async () => {
    const { child, exited, listening } = serverProcess({
      ...enough(),
      SHUTDOWN_GRACE: '0s',
      SHUTDOWN_DRAIN: '15s',
    })
    const { url } = await listening
    const session = await openSession(new URL(url), access.token)
    const stream = await session.listen()
    expect(stream.status).toBe(200)
    const listened = stream.text()
    const call = await session.send('tools/call', {
      name: 'countdown',
      arguments: { seconds: 2 },
    })
    const answered = call.text()
    const startedAt = performance.now()
    child.kill('SIGTERM')
    expect(await answered).toContain('"waitedSeconds":2')
    // Cut off it would reject.
    expect(await listened).not.toContain('waitedSeconds')
    const { code, output } = await exited
    expect(code, output).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(12_000)
  },
  60_000,
)
