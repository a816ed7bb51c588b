// Puts what the published package needs beside it: the templates, and which versions of the kit they go with.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const here = (path) => new URL(path, import.meta.url)

for (const made of ['templates', 'kit']) rmSync(here(made), { recursive: true, force: true })
if (process.argv[2] === 'copy') {
  cpSync(here('../templates'), here('templates'), {
    recursive: true,
    filter: (path) => !/[\\/](node_modules|dist|[^\\/]*\.tsbuildinfo)$/.test(path),
  })
  const manifests = readdirSync(here('../packages')).map((name) =>
    JSON.parse(readFileSync(here(`../packages/${name}/package.json`), 'utf8')),
  )
  const versions = Object.fromEntries(manifests.map(({ name, version }) => [name, version]))
  mkdirSync(here('kit'))
  writeFileSync(here('kit/versions.json'), `${JSON.stringify(versions, null, 2)}\n`)
}
