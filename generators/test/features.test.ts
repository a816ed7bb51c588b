import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { choices, featuresOf, type Selection, switches } from '../src/features.js'

const on = (selection: Selection) => {
  const features = featuresOf(selection)
  return Object.keys(features).filter((name) => features[name])
}
const nothing = { sdk: 'v2', upstream: false, stdio: false, ci: 'none', deploy: 'none' }
const pools = { postgres: true, redis: true }

it('stand in the README, each value with its default', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const rows = readme.split('\n').map((line) => line.replaceAll('\\|', '/').split(/ *\| */))
  const rowOf = (flag: string) => rows.find(([, cell]) => cell?.startsWith(flag))
  for (const [name, { values }] of Object.entries(choices)) {
    const [, flag, unset] = rowOf(`\`--${name} <`) ?? []
    if (name !== 'auth') expect(flag).toBe(`\`--${name} <${values.join('/')}>\``)
    expect(unset, name).toBe(`\`${values[0]}\``)
  }
  for (const [name, { about, default: isOn }] of Object.entries(switches)) {
    const row = rowOf(`\`--${name}\``)
    expect(row?.slice(1, 4), name).toEqual([
      `\`--${name}\`, \`--no-${name}\``,
      isOn ? 'on' : 'off',
      about,
    ])
  }
  const overlays = Object.keys(featuresOf({})).filter((name) => name !== 'databases')
  expect(readme.replace(/\s+/g, ' ')).toContain(overlays.map((name) => `\`${name}\``).join(', '))
})

describe('features', () => {
  it.each([
    ['apikey', ['apikey']],
    ['jwt', ['oauth', 'jwt']],
    ['introspection', ['oauth', 'introspection']],
    ['apikey+jwt', ['apikey', 'oauth', 'jwt']],
  ])('of --auth %s are %s', (auth, expected) => {
    expect(on({ ...nothing, auth })).toEqual([...expected, 'v2'])
  })

  it('are on by default but for other ways to authenticate, for pools, traces and sessions', () => {
    expect(on({})).toEqual(['upstream', 'stdio', 'apikey', 'v2', 'github', 'compose', 'kubernetes'])
    expect(on(nothing)).toEqual(['apikey', 'v2'])
    expect(on({ ...nothing, ...pools })).toEqual(['postgres', 'redis', 'apikey', 'v2', 'databases'])
    expect(on({ ...nothing, redis: true })).toEqual(['redis', 'apikey', 'v2', 'databases'])
  })

  it('are all known whatever is chosen, in the one order of their overlays', () => {
    for (const auth of choices.auth.values) {
      expect(Object.keys(featuresOf({ ...nothing, auth }))).toEqual([
        'upstream',
        'stdio',
        'postgres',
        'redis',
        'tracing',
        'sessions',
        'apikey',
        'oauth',
        'jwt',
        'introspection',
        'v2',
        'v1',
        'github',
        'gitlab',
        'compose',
        'kubernetes',
        'databases',
      ])
    }
  })

  it('that one value joins are written by the alphabet, as the command line is read', () => {
    for (const value of Object.values(choices).flatMap(({ values }): string[] => [...values])) {
      expect(value.split('+')).toEqual(value.split('+').sort())
    }
  })
})
