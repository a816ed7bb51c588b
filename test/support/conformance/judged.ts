import type { Selection } from '../../../generators/dist/features.js'
import { startServer, stopServer } from '../faults/server.js'
import { writeConformant } from './fixtures.js'
import { tokenProxy } from './proxy.js'
import { conformance, type Requirements, type Scenario } from './suite.js'

/** What the suite says of a generated server with everything in front of its tools, by revision. */
export async function judged(
  selection: Selection,
  revisions: readonly Requirements[],
): Promise<Map<Requirements, Scenario[]>> {
  const project = await writeConformant('conformance', selection)
  const proxy = await tokenProxy()
  try {
    // A scenario comes with an Origin, as a web page that is let in does.
    const server = await startServer(project, { env: { ALLOWED_ORIGINS: proxy.url.origin } })
    proxy.lead(server)
    const found = new Map<Requirements, Scenario[]>()
    for (const revision of revisions) found.set(revision, await conformance(proxy.url, revision))
    await stopServer(server)
    return found
  } finally {
    proxy.close()
  }
}
