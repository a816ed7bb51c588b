import type { Hostile } from './hostile.js'
import { changeAt, Members, pathsOf, Raw, write } from './json.js'
import type { Random } from './random.js'

type Mutation = (value: unknown, random: Random, hostile: Hostile) => unknown

/** A few changes of a tree, each at a place of its own. */
export function mutateTree(tree: unknown, random: Random, hostile: Hostile): unknown {
  let mutated = tree
  for (let rounds = 1 + random.int(3); rounds > 0; rounds--) {
    const path = random.pick(pathsOf(mutated))
    const mutation = random.pick(MUTATIONS)
    mutated = changeAt(mutated, path, (old) => mutation(old, random, hostile))
  }
  return mutated
}

/** What the bytes of a text can be made into that its structure cannot. */
export function mutateText(text: string, random: Random): Buffer {
  const { int, pick } = random
  const at = int(text.length + 1)
  const forms: (() => string | Buffer)[] = [
    () => `\ufeff${text}`,
    () => `\ufeff\ufeff${text}`,
    () => Buffer.from(text, 'utf16le'),
    () => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
    () =>
      Buffer.concat([
        Buffer.from(text.slice(0, at)),
        pick(INVALID_UTF8),
        Buffer.from(text.slice(at)),
      ]),
    () => text.slice(0, at),
    () => text + text,
    () => text + pick([',', ']', '}', '\0', ' ', '\n\n', '//', '{}', text.slice(0, 10)]),
    () => `${' '.repeat(int(5000))}${text}`,
    () => `/* */${text}`,
    () => text.replaceAll('"', "'"),
    () =>
      text.slice(0, at) +
      pick(['\0', '\n', '\t', '"', '\\', '{', '[', ',', ':', '\x7f']) +
      text.slice(at),
    () => text.slice(0, at) + text.slice(at + 1),
    () =>
      pick([
        '',
        ' ',
        'null',
        '0',
        'true',
        '"x"',
        '[]',
        '{}',
        '[[]]',
        '[null]',
        '[{}]',
        '"',
        '-',
        'nul',
      ]),
    () => `[${text}]`,
    () => `[[${text}]]`,
    () => `[${[text, text, pick(['null', '1', '{}', '[]', text])].join()}]`,
    () => `[${Array.from({ length: pick([2, 99, 100, 101]) }, () => text).join()}]`,
  ]
  return Buffer.from(pick(forms)())
}

const INVALID_UTF8 = ['ff', 'c080', 'eda080', 'f4908080', 'c3', 'e28228', 'fefeffff'].map((hex) =>
  Buffer.from(hex, 'hex'),
)

const MUTATIONS: readonly Mutation[] = [
  ...Array<Mutation>(6).fill((_, _random, hostile) => hostile.value()),
  (value) => [value],
  (value, _, hostile) => new Members([[hostile.name(), value]]),
  (value) => [value, value],
  (value) => write(value),
  (value) => new Raw(` ${write(value)} `),
  // Nothing was there.
  inMembers((entries, { int }) => entries.toSpliced(int(entries.length), 1)),
  inMembers((entries, _, hostile) => [...entries, [hostile.name(), hostile.value()]]),
  // A name that comes twice: readers differ in which one they take.
  inMembers((entries, { pick }, hostile) => [...entries, [pick(entries)[0], hostile.value()]]),
  inMembers((entries, { pick }, hostile) => [[pick(entries)[0], hostile.value()], ...entries]),
  inMembers((entries, { int }, hostile) => {
    const at = int(entries.length)
    return entries.with(at, [hostile.name(), entries[at]?.[1]])
  }),
  inMembers((entries, { pick }) => [...entries, [pick(entries)[0], pick(entries)[1]]]),
  inMembers((entries, { int }) => {
    const at = int(entries.length)
    const [name = '', value] = entries[at] ?? []
    return entries.with(at, [name.toUpperCase(), value])
  }),
]

type Entries = Members['entries']

/** A mutation of an object's members; anything else, and an object without any, becomes something hostile. */
function inMembers(
  change: (entries: Entries, random: Random, hostile: Hostile) => Entries,
): Mutation {
  return (value, random, hostile) =>
    value instanceof Members && value.entries.length > 0
      ? new Members(change(value.entries, random, hostile))
      : hostile.value()
}
