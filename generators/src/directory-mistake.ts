import { sep } from 'node:path'

/**
 * What is most likely no name that somebody wants, although a file system would take it: what only a shell or another
 * system reads in another way.
 */
export function directoryMistake(directory: string, separator: string = sep): string | undefined {
  if (directory === '') return 'this is empty: name a directory'
  if (directory.startsWith('~')) return 'no shell expands ~ here: write the path out'
  if (/^(["']).*\1$/s.test(directory)) return 'quotes would be part of the name: leave them out'
  if (/\p{Cc}/u.test(directory))
    return 'a control character would be part of the name: leave it out'
  if (separator === '/' && /\\|^[a-z]:/i.test(directory)) {
    return 'this reads like a path of Windows: write / between directories, and no drive'
  }
  return undefined
}
