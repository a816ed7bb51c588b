import type { Files } from './render.js'

export function totalBytes(files: Files): number {
  return [...files.values()].reduce((sum, { content }) => sum + content.length, 0)
}

export function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1000)} kB`
}
