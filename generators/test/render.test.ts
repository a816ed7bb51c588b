import { chmodSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Features } from '../src/features.js'
import { renderProject } from '../src/render.js'
import { temporaryDirectory, writeTree } from './support/fixture.js'

const manifest = { 'server/package.json': '{ "name": "server", "type": "module" }' }

function render(files: Record<string, string | Buffer>, features: Features = {}, values = {}) {
  const templates = writeTree(temporaryDirectory(), { ...manifest, ...files })
  return renderProject({ name: '@acme/x', features, templates, values })
}

async function texts(...input: Parameters<typeof render>) {
  const files = await render(...input)
  return Object.fromEntries([...files].map(([path, { content }]) => [path, content.toString()]))
}

describe('overlays', () => {
  const files = {
    'server/a.ts': 'base a',
    'server/b.ts': 'base b',
    '+one/a.ts': 'one a',
    '+one/deep/c.ts': 'one c',
    '+two/a.ts': 'two a',
    'README.md': 'no output',
    'tsconfig.json': '{}',
  }

  it('lays whole files of the features that are on over the base', async () => {
    expect(await texts(files, { one: true, two: false })).toMatchObject({
      'a.ts': 'one a',
      'b.ts': 'base b',
      'deep/c.ts': 'one c',
    })
    expect(Object.keys(await texts(files, { one: false, two: false }))).toEqual([
      'a.ts',
      'b.ts',
      'package.json',
    ])
  })

  it('lets the later feature win', async () => {
    expect((await texts(files, { one: true, two: true }))['a.ts']).toBe('two a')
    expect((await texts(files, { two: true, one: true }))['a.ts']).toBe('one a')
  })

  it('takes an overlay that goes by another suffix for the same file', async () => {
    const output = await texts(
      { 'server/a.ts.hbs': '{{name}}', '+one/a.ts': 'plain' },
      { one: true },
    )
    expect(output['a.ts']).toBe('plain')
  })

  it('refuses an overlay of no known feature', async () => {
    await expect(render(files, { one: true })).rejects.toThrow(
      'templates/+two: overlay names no feature',
    )
  })

  it('gives the files in order, whatever layer they come from', async () => {
    const paths = [...(await render(files, { one: true, two: true })).keys()]
    expect(paths).toEqual([...paths].sort())
  })
})

describe('JSON', () => {
  it('is merged where several layers have it, and names the project', async () => {
    const output = await texts(
      {
        'server/package.json':
          '{"name":"server","version":"9.9.9","scripts":{"a":"1"},"dependencies":{"z":"1"}}',
        '+one/package.json': '{"scripts":{"b":"2"},"dependencies":{"y":"1"}}',
        'server/tsconfig.json': '{ "include": ["src"],   "x": 1 }',
        '+one/tsconfig.json': '{ "include": ["test"] }',
        'server/only.json': '{ "as":   "it is" }',
      },
      { one: true },
    )
    expect(JSON.parse(output['package.json'] ?? '')).toEqual({
      name: '@acme/x',
      version: '0.1.0',
      scripts: { a: '1', b: '2' },
      dependencies: { y: '1', z: '1' },
    })
    expect(JSON.parse(output['tsconfig.json'] ?? '')).toEqual({ include: ['src', 'test'], x: 1 })
    expect(output['only.json']).toBe('{ "as":   "it is" }')
  })

  it('names the layer that is no JSON', async () => {
    await expect(render({ '+one/package.json': '{,}' }, { one: true })).rejects.toThrow(
      'templates/+one/package.json: ',
    )
  })
})

/** Not ours to fill. */
const actionsExpression = `$${'{{ matrix.node }}'}`

describe('values', () => {
  it('are filled in *.hbs alone, unescaped', async () => {
    const output = await texts(
      {
        'server/README.md.hbs': '{{name}} {{slug}} {{version}} {{extra}} {{features.one}}',
        'server/ci.yml': `node: ${actionsExpression} {{name}}`,
      },
      { one: true },
      { extra: `<&"'>` },
    )
    expect(output['README.md']).toBe(`@acme/x x 0.1.0 <&"'> true`)
    expect(output['ci.yml']).toBe(`node: ${actionsExpression} {{name}}`)
  })

  it.each(['{{nmae}}', '{{features.none}}', '{{#if}}'])(
    'refuses %s, naming the file',
    async (text) => {
      await expect(render({ 'server/a.hbs': text })).rejects.toThrow('templates/server/a.hbs: ')
    },
  )

  it('are not looked for inside values', async () => {
    expect((await texts({ 'server/a.hbs': '{{extra}}' }, {}, { extra: '{{name}}' })).a).toBe(
      '{{name}}',
    )
  })
})

describe('files', () => {
  it('become dotfiles from a leading underscore, also as directories', async () => {
    const paths = Object.keys(
      await texts({
        'server/_gitignore': '',
        'server/_env.hbs': '',
        'server/_github/workflows/ci.yml': '',
        'server/in/_npmrc': '',
        'server/snake_case.ts': '',
      }),
    )
    expect(paths).toEqual(
      [
        '.env',
        '.github/workflows/ci.yml',
        '.gitignore',
        'in/.npmrc',
        'package.json',
        'snake_case.ts',
      ].sort(),
    )
  })

  it('that npm would not pack are refused', async () => {
    await expect(render({ 'server/.gitignore': '' })).rejects.toThrow('name it _gitignore')
  })

  it('that are links are refused', async () => {
    const templates = writeTree(temporaryDirectory(), manifest)
    symlinkSync('/etc/passwd', join(templates, 'server/passwd'))
    await expect(renderProject({ name: 'x', features: {}, templates })).rejects.toThrow(
      'not a file',
    )
  })

  it('of installed modules are passed over', async () => {
    expect(
      Object.keys(await texts({ 'server/node_modules/x/index.js': '', 'server/a/.DS_Store': '' })),
    ).toEqual(['package.json'])
  })

  it('that are no text stay byte for byte', async () => {
    const binary = Buffer.from([0x61, 0, 0x0a])
    const latin1 = Buffer.from('caf\xe9 // +nothing\n', 'latin1')
    const files = await render({
      'server/a.png': binary,
      'server/b.txt': latin1,
      'server/c.hbs': latin1,
    })
    expect(files.get('a.png')?.content).toEqual(binary)
    expect(files.get('b.txt')?.content).toEqual(latin1)
  })

  it('keep their executable bit, and .env is for its owner alone', async () => {
    const templates = writeTree(temporaryDirectory(), {
      ...manifest,
      'server/run.sh': '',
      'server/_env': '',
    })
    chmodSync(join(templates, 'server/run.sh'), 0o700)
    chmodSync(join(templates, 'server/_env'), 0o777)
    const files = await renderProject({ name: 'x', features: {}, templates })
    expect([...files].map(([path, { mode }]) => [path, mode.toString(8)])).toEqual([
      ['.env', '600'],
      ['package.json', '644'],
      ['run.sh', '755'],
    ])
  })
})
