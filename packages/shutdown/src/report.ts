import type { Request, Response } from 'express'

export type Describe = (req: Request) => Record<string, unknown>

/** So many requests are told of, whatever the load. */
const MOST = 20

/** Tells the log of requests. */
export function reporter(describe: Describe, ageMs: (res: Response) => number) {
  function described(req: Request) {
    try {
      return describe(req)
    } catch {
      return {}
    }
  }
  return function report(responses: Response[]) {
    return {
      count: responses.length,
      requests: responses.slice(0, MOST).map((res) => ({
        ...described(res.req),
        route: routeOf(res.req),
        ageMs: ageMs(res),
      })),
    }
  }
}

/** Without the query, which can hold what a log must not. Without Express there is no originalUrl. */
function routeOf({ method, originalUrl, url }: Request): string {
  return `${method} ${(originalUrl ?? url).split('?', 1)[0]}`
}

/** What keeps the event loop alive, counted by kind: at the end of a clean shutdown stdin, stdout and stderr at most. */
export function activeResources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}
