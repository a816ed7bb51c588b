import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../command.js'

/** What a guide names, and what there is: a name that is not there was renamed or never existed. */
interface Kind {
  what: string
  /** Finds the names in a text. */
  pattern: RegExp
  exists(name: string): boolean
}

const isText = /\.(ts|json|ya?ml|hbs|sh|example|js)$|_gitignore$|Dockerfile$/

async function textsIn(folder: string): Promise<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true, recursive: true })
  const files = entries
    .filter(({ parentPath }) => !/\/(node_modules|dist|test)(\/|$)/.test(parentPath))
    .filter((entry) => entry.isFile() && isText.test(entry.name))
  const texts = files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8'))
  return (await Promise.all(texts)).join('\n')
}

const wordsOf = (text: string) => new Set(text.match(/[A-Za-z_][A-Za-z0-9_]*/g))

/** Every kind of name, of a server that was written to `folder`. */
export async function kinds(folder: string): Promise<Kind[]> {
  const templates = await textsIn('templates')
  const packages = await textsIn('packages')
  const settings = wordsOf(templates)
  const words = wordsOf(`${templates}\n${packages}`)
  const series = wordsOf(packages)
  const alerts = new Set([...templates.matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? ''))
  const ignored = await readFile(join(root, 'templates/server/_gitignore'), 'utf8')
  const scripts = await readFile(join(folder, 'package.json'), 'utf8')
  return [
    {
      what: 'setting',
      pattern: /(?<![\w.$])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?!\w)/g,
      exists: (name) => settings.has(name) || settings.has(name.replace(/_FILE$/, '')),
    },
    {
      what: 'series',
      pattern: /\b(?:mcp|nodejs)_[a-z_]+[a-z]\b(?!_)/g,
      exists: (name) => series.has(name.replace(/_(?:bucket|sum|count)$/, '')),
    },
    { what: 'alert', pattern: /\bMcp[A-Z]\w+/g, exists: (name) => alerts.has(name) },
    {
      what: 'file',
      pattern: /(?<![\w./-])(?:src|deploy|load|scripts)\/[\w./-]*\w/g,
      exists: (path) => existsSync(join(folder, path)) || ignored.includes(path),
    },
    {
      what: 'name in code',
      pattern: /(?<=`)[a-z]+[A-Z]\w*(?=[`(:])/g,
      exists: (name) => words.has(name),
    },
    {
      what: 'package',
      pattern: /@mcp-prod\/[a-z0-9-]+/g,
      exists: (name) => existsSync(join(root, 'packages', name.slice('@mcp-prod/'.length))),
    },
    {
      what: 'script',
      pattern: /(?<=npm run (?:--silent )?)[a-z][\w:-]*/g,
      exists: (name) => scripts.includes(`"${name}":`) || name === 'bench',
    },
  ]
}

/** The names of a guide that are nowhere, each with its kind. */
export function unknownNames(text: string, all: readonly Kind[]): string[] {
  return all.flatMap(({ what, pattern, exists }) =>
    [...new Set(text.match(pattern))]
      .filter((name) => !exists(name))
      .map((name) => `${what} ${name}`),
  )
}
