/** Control and format characters, which no name needs: NUL ends a path, and text that runs backwards hides one. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/**
 * Whether a decoded value names no other place when it is put into a path: no separator, no `.` or `..`, nothing unseen, also
 * not after a file system or a database has folded its letters (NFKC: `．．／` is `../`). With `segments` the value is
 * a path itself, and each of its segments is held to that.
 */
export function freeOfPaths(value: string, segments = false): boolean {
  if (UNSEEN.test(value)) return false
  const forms = new Set([value, value.normalize('NFKC')])
  return [...forms].every((form) => {
    if (form.includes('\\') || /%(?:2e|2f|5c|00)/i.test(form)) return false
    const parts = form.split('/')
    if (!segments && parts.length > 1) return false
    return parts.every((part) => part.trim() !== '' && !/^\s*\.{1,2}\s*$/.test(part))
  })
}
