import nodePath, { type PlatformPath } from 'node:path'

/** A word as the user's shell reads it back: a POSIX one, or both cmd and PowerShell. */
export function shellWord(text: string, path: PlatformPath = nodePath): string {
  if (path.sep === '\\') return /^[\w.\\:@+-]+$/.test(text) ? text : `"${text}"`
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** The `cd` from one directory to another; nothing when it is the same. */
export function changeTo(from: string, to: string, path: PlatformPath = nodePath): string {
  const relative = path.relative(from, to)
  if (relative === '') return ''
  const shortest = relative.startsWith(`..${path.sep}..`) ? to : relative
  // cmd's cd stays on its drive, pushd does not, and PowerShell has both.
  const command = path.parse(from).root === path.parse(to).root ? 'cd' : 'pushd'
  return `${command} ${shellWord(shortest.startsWith('-') ? `.${path.sep}${shortest}` : shortest, path)}`
}

/** A command to run there. */
export function commandTo(
  from: string,
  to: string,
  command: string,
  path: PlatformPath = nodePath,
): string {
  const change = changeTo(from, to, path)
  return change ? `${change} && ${command}` : command
}
