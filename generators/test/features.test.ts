import { describe, expect, it } from 'vitest'
import { choices, featuresOf, type Selection } from '../src/features.js'

const on = (selection: Selection) => {
  const features = featuresOf(selection)
  return Object.keys(features).filter((name) => features[name])
}
const nothing = { upstream: false, stdio: false, ci: 'none', deploy: 'none' }

describe('features', () => {
  it.each([
    ['apikey', ['apikey']],
    ['jwt', ['oauth', 'jwt']],
    ['introspection', ['oauth', 'introspection']],
    ['apikey+jwt', ['apikey', 'oauth', 'jwt']],
  ])('of --auth %s are %s', (auth, expected) => {
    expect(on({ ...nothing, auth })).toEqual(expected)
  })

  it('are on by default but for other ways to authenticate', () => {
    expect(on({})).toEqual(['upstream', 'stdio', 'apikey', 'github', 'compose'])
    expect(on(nothing)).toEqual(['apikey'])
  })

  it('are all known whatever is chosen, in the one order of their overlays', () => {
    for (const auth of choices.auth.values) {
      expect(Object.keys(featuresOf({ ...nothing, auth }))).toEqual([
        'upstream',
        'stdio',
        'apikey',
        'oauth',
        'jwt',
        'introspection',
        'github',
        'compose',
      ])
    }
  })

  it('that one value joins are written by the alphabet, as the command line is read', () => {
    for (const value of Object.values(choices).flatMap(({ values }): string[] => [...values])) {
      expect(value.split('+')).toEqual(value.split('+').sort())
    }
  })
})
