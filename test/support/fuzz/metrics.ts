import { get } from 'node:http'

export interface Series {
  name: string
  labels: Record<string, string>
  value: number
}

const SERIES = /^([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)$/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** Everything a server tells to Prometheus, on a connection that does not stay. */
export async function scrape(adminUrl: string): Promise<Series[]> {
  const { status, text } = await ask(`${adminUrl}/metrics`)
  if (status !== 200) throw new Error(`/metrics answered ${status}`)
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = SERIES.exec(line) ?? []
    if (name === undefined) return []
    const pairs = [...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text])
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }]
  })
}

/** The sum of all series of a name that have these labels. */
export function sumOf(
  series: readonly Series[],
  name: string,
  labels: Record<string, string> = {},
) {
  const wanted = Object.entries(labels)
  return series
    .filter(
      (each) => each.name === name && wanted.every(([key, text]) => each.labels[key] === text),
    )
    .reduce((sum, { value }) => sum + value, 0)
}

/** The different values of a label among the series that counted anything. */
export function labelsOf(series: readonly Series[], label: string): string[] {
  const counted = series.filter(({ value }) => value !== 0)
  return [...new Set(counted.flatMap(({ labels }) => labels[label] ?? []))]
}

export function ask(url: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      res.once('end', () => resolve({ status: res.statusCode ?? 0, text }))
    }).once('error', reject)
  })
}
