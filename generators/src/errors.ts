import leven from 'leven'

/** An end that needs no stack: one line for the user. Exit codes: 1 failure, 2 usage, 130 interrupted. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: 1 | 2 | 130 = 1,
  ) {
    super(message)
  }
}

/** The command line is wrong, and nothing was begun. */
export function usage(message: string): CliError {
  return new CliError(message, 2)
}

/** A value as it is shown: quoted, in one line, with no control character that could forge output. */
export function shown(value: string): string {
  return JSON.stringify(value)
}

/** `; did you mean x?` when one of the valid values is close enough to be meant, else nothing. */
export function didYouMean(value: string, valid: readonly string[]): string {
  const [best] = valid
    .map((candidate) => ({ candidate, distance: leven(value.toLowerCase(), candidate) }))
    .sort((a, b) => a.distance - b.distance)
  return best && best.distance <= Math.max(2, best.candidate.length / 3)
    ? `; did you mean ${best.candidate}?`
    : ''
}

/** The system's reason in words, for the errors that a directory can give. */
export function reason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  const words: Record<string, string> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    ENOTDIR: 'a part of the path is a file',
    ENOENT: 'a part of the path cannot exist',
    ENAMETOOLONG: 'the name is too long',
    ELOOP: 'the symbolic links go in circles',
  }
  return words[code] ? `${words[code]} (${code})` : message
}
