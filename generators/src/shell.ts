import { relative } from 'node:path'

/** A word as a POSIX shell reads it back. */
function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** The `cd` from one directory to another; nothing when it is the same. */
export function changeTo(from: string, to: string): string {
  const path = relative(from, to)
  if (path === '') return ''
  const shortest = path.startsWith('../..') ? to : path
  return `cd ${shellWord(shortest.startsWith('-') ? `./${shortest}` : shortest)}`
}

/** A command to run there. */
export function commandTo(from: string, to: string, command: string): string {
  const change = changeTo(from, to)
  return change ? `${change} && ${command}` : command
}
