import { expect, it } from 'vitest'
import { compareVersions, isVersion } from '../src/version.js'

// In the order that semver.org gives as an example, with numbers that words would order otherwise.
const ordered = [
  ...['0.1.0', '0.9.0', '0.10.0', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta'],
  ...['1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.1', '10.0.0'],
]

it('orders versions', () => {
  const shuffled = [...ordered].reverse()
  expect(shuffled.sort(compareVersions)).toEqual(ordered)
  for (const version of ordered) {
    expect(isVersion(version)).toBe(true)
    expect(compareVersions(version, version)).toBe(0)
  }
})

it('knows what is none', () => {
  for (const text of [
    '1',
    '1.2',
    '1.2.3.4',
    '1.2.3+build',
    '1.2.3-01',
    '1.2.3-a..b',
    ' 1.2.3',
    '1.2.3\n',
  ]) {
    expect(isVersion(text), JSON.stringify(text)).toBe(false)
  }
})
