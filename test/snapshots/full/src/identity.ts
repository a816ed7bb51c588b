import { readFileSync } from 'node:fs'

const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8')

/** What the server calls itself to clients, in logs and in metrics: the name and version of package.json. */
export const { name, version } = JSON.parse(file) as { name: string; version: string }
