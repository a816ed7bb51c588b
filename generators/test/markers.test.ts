import { describe, expect, it } from 'vitest'
import { applyFileMarker, applyMarkers } from '../src/markers.js'

const features = { stdio: true, redis: false, 'http-2': true }
const apply = (text: string) => applyMarkers(text, features, 'x.ts')

describe('line markers', () => {
  it.each([
    ['a() // +stdio\n', 'a()\n'],
    ['a() // +redis\nb()\n', 'b()\n'],
    ['a: 1 # +stdio\nb: 2 # +redis\n', 'a: 1\n'],
    ['| a | <!-- +stdio -->\n| b | <!-- +redis -->\n', '| a |\n'],
    ['a() // +stdio +http-2\n', 'a()\n'],
    ['a() // +stdio +redis\nb()\n', 'b()\n'],
    ['a()   //   +stdio   \nb()  \n', 'a()\nb()  \n'],
    ['a() // +stdio\r\nb() // +redis\r\nc()\r\n', 'a()\r\nc()\r\n'],
    ['a() // +stdio', 'a()'],
    ['a()\nb() // +redis', 'a()\n'],
  ])('%j becomes %j', (text, expected) => {
    expect(apply(text)).toBe(expected)
  })

  it.each([
    'a() // +stdio is explained here\n',
    'a() //+stdio\n',
    'const url = "http://+stdio"\n',
    'x = 1 // + stdio\n',
    'x = 1 // +1\n',
    'a\n\n\n\nb\n\n',
    '',
    'no newline at the end',
    '{{ matrix.node }} <b>&amp;</b> \\{{name}}\n',
  ])('leaves %j as it is', (text) => {
    expect(apply(text)).toBe(text)
  })

  it.each([
    ['a\n\nx // +redis\n\nb\n', 'a\n\nb\n'],
    ['a\n\nx // +redis\ny // +redis\n\nb\n', 'a\n\nb\n'],
    ['a\nx // +redis\n\nb\n', 'a\n\nb\n'],
    ['a\n\nx // +redis\nb\n', 'a\n\nb\n'],
    ['a\n\n\nx // +redis\n\n\nb\n', 'a\n\nb\n'],
    ['x // +redis\n\nb\n', 'b\n'],
    ['a\n\nx // +redis\n', 'a\n'],
    ['a\n\nx // +redis\n\ny // +stdio\n', 'a\n\ny\n'],
    ['a\n\n\nb\n\nx // +redis\n\nc\n', 'a\n\n\nb\n\nc\n'],
  ])('closes the gap a dropped line leaves: %j becomes %j', (text, expected) => {
    expect(apply(text)).toBe(expected)
  })

  it('refuses a feature nobody knows, and one that only every object has', () => {
    expect(() => apply('a\nb // +stdoi\n')).toThrow('x.ts:2: marker +stdoi names no feature')
    expect(() => apply('b // +constructor\n')).toThrow('names no feature')
  })
})

describe('a marker as the whole first line', () => {
  const file = (text: string) => applyFileMarker(text, features, 'x.ts')

  it.each([
    ['// +stdio\na()\n', 'a()\n'],
    ['# +stdio\r\na: 1\n', 'a: 1\n'],
    ['<!-- +stdio -->\ntext\n', 'text\n'],
    ['// +redis\na()\n', undefined],
    ['a()\n// +redis\n', 'a()\n// +redis\n'],
    ['a() // +redis\n', 'a() // +redis\n'],
    ['', ''],
  ])('keeps or drops the file: %j becomes %j', (text, expected) => {
    expect(file(text)).toBe(expected)
  })

  it('refuses a feature nobody knows', () => {
    expect(() => file('// +stdoi\na\n')).toThrow('x.ts:1: marker +stdoi names no feature')
  })
})
