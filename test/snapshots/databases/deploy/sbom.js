// The bill of materials (CycloneDX) of what the image runs, to stdout: node deploy/sbom.js >sbom.cdx.json
import { execFileSync } from 'node:child_process'

// With --omit=dev npm 10 and 11 leave out what a package for development needs as well, express among it.
const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx']
const text = execFileSync('npm', args, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 })
const bom = JSON.parse(text)

const isForDevelopment = ({ properties = [] }) =>
  properties.some(({ name }) => name === 'cdx:npm:package:development')
const components = bom.components.filter((component) => !isForDevelopment(component))
const kept = new Set([bom.metadata.component, ...components].map((it) => it['bom-ref']))
const dependencies = bom.dependencies
  .filter(({ ref }) => kept.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((it) => kept.has(it)) }))

process.stdout.write(`${JSON.stringify({ ...bom, components, dependencies }, null, 2)}\n`)
