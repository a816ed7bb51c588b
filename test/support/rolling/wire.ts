import { noteFailure, type Tally } from './tally.js'

/** Enough for the last event of a stream. */
const TAIL_CHARS = 1_000

export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>

/** A fetch that sees of every answer whether it came to its end, whatever the client makes of it. */
export function watchedFetch(tally: Tally): Fetch {
  return async function fetchAndWatch(url, init) {
    const what = `${init?.method ?? 'GET'} request`
    const response = await fetch(url, init).catch((error) => {
      if (!init?.signal?.aborted) noteFailure(tally, what, error)
      throw error
    })
    const { status, statusText, headers } = response
    if (status >= 500) noteFailure(tally, what, status)
    if (!response.body) return response
    const chunks = watch(response, (error) => {
      if (init?.signal?.aborted) return
      tally.truncated++
      noteFailure(tally, 'truncated answer', error)
    })
    const body = ReadableStream.from(chunks) as ConstructorParameters<typeof Response>[0]
    return new Response(body, { status, statusText, headers })
  }
}

async function* watch(
  response: Response,
  onTruncated: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder()
  let tail = ''
  try {
    for await (const chunk of response.body ?? []) {
      tail = (tail + decoder.decode(chunk, { stream: true })).slice(-TAIL_CHARS)
      yield chunk
    }
  } catch (error) {
    onTruncated(error)
    throw error
  }
  // Of JSON the connection says whether it is whole; a stream must end with what it is about.
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  if (isStream && !/"(?:result|error)":\{/.test(tail.slice(tail.lastIndexOf('data:'))))
    onTruncated(new Error(`the stream ended with ${JSON.stringify(tail.slice(-200))}`))
}
