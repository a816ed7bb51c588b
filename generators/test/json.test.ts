import { describe, expect, it } from 'vitest'
import { formatJson, mergeJson, parseObject } from '../src/json.js'

describe('JSON merged as data', () => {
  it('joins objects by key and arrays without duplicates, and lets the upper layer win', () => {
    const base = {
      name: 'a',
      scripts: { build: 'tsc', test: 'vitest' },
      files: ['dist', { a: 1 }],
      on: true,
    }
    const over = {
      name: 'b',
      scripts: { test: 'vitest run', stdio: 'node' },
      files: [{ a: 1 }, 'src'],
      on: null,
    }
    expect(mergeJson(base, over)).toEqual({
      name: 'b',
      scripts: { build: 'tsc', test: 'vitest run', stdio: 'node' },
      files: ['dist', { a: 1 }, 'src'],
      on: null,
    })
  })

  it('replaces a value of another kind', () => {
    expect(mergeJson({ a: [1], b: { c: 1 } }, { a: { d: 1 }, b: 2 })).toEqual({ a: { d: 1 }, b: 2 })
  })

  it('keeps the order of keys but for dependencies, and ends in a newline', () => {
    const text = formatJson({
      z: 1,
      dependencies: { b: '1', a: '2' },
      devDependencies: { d: '1', c: '2' },
      a: 1,
    })
    expect(text).toMatch(/\n$/)
    expect(Object.keys(JSON.parse(text))).toEqual(['z', 'dependencies', 'devDependencies', 'a'])
    expect(text.indexOf('"a": "2"')).toBeLessThan(text.indexOf('"b": "1"'))
    expect(text.indexOf('"c": "2"')).toBeLessThan(text.indexOf('"d": "1"'))
  })

  it.each(['{', '[]', '"text"', 'null'])('refuses %j, naming the file', (text) => {
    expect(() => parseObject(text, 'templates/server/x.json')).toThrow('templates/server/x.json: ')
  })
})
