import { beforeEach } from 'vitest'

/**
 * Tests of siblings that are about 2026-07-28 alone (caching, mirrored headers, streams of changes), or about what only SDK v2's
 * own `McpServer` and handler have.
 */
const ELSEWHERE = [
  'a question that goes with no call fails at once where no stream is open',
  'a question goes to the client of its own session, whoever’s call makes the server ask',
  'goes out on the stream of GET, and waits for it while it is cut where it can be resumed',
  'what is of the modern era, whatever session id it carries',
  'is counted when the client went away and when the process stops, too',
  'tells onError which rule a request broke, not what it carried',
  'marks what depends on the caller as private, in the era that knows of caches',
  'say how long a list may be kept, and by whom',
  'keeps one caller from what another may read, in caches as well',
  'keeps what several templates match from whom one of them keeps it, and what is permitted one by one',
  'shows in lists only what the caller may use, where that is asked for',
  'hears nothing of what its caller may not read, or what there is not',
  'tells of the resources it was asked for, and of no other',
  'says which resources are waited for, for as long as they are',
  'tells a client of 2026-07-28 over stdio what it listens to, and nothing else',
  'compares a mirrored argument with its header',
  'are sent in 2026-07-28 only to a request that asked, from its level on',
  'says what the client can do, where a request says it',
  'opens and ends nothing by GET',
  'opens and ends nothing by DELETE',
  'keeps a subscription open, tells it of changes, and ends it when closed',
  'refuses a mirrored header that disagrees with its argument (SEP-2243), before the tool runs',
  'are counted against their limit, and each refusal is told',
]

beforeEach(({ task, skip }) => {
  if (ELSEWHERE.includes(task.name)) skip()
})
