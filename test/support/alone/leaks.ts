import { homedir } from 'node:os'
import { root } from '../command.js'

/** Folders of whoever packs, but root's home, which every image has. */
const folders = [root, `${homedir()}/`].filter((path) => path !== '/root/').map(escaped)

const leaks: Record<string, RegExp> = {
  'a private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----\\?[\sn]+[A-Za-z0-9+/]{20}/,
  'a token of npm': /\bnpm_[A-Za-z0-9]{36}\b|_authToken=\S/,
  'a token of GitHub': /\b(gh[opsru]|github_pat)_[A-Za-z0-9_]{36,}/,
  'a key of AWS': /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  'a JWT': /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/,
  'an API key of ours': /\bmcp_[A-Za-z0-9-]{1,64}_[A-Za-z0-9_-]{43}\b/,
  'a home of somebody': /\/(home|Users)\/(?!node\b|nonroot\b)[a-z][\w.-]*\//,
  'a folder of this machine': new RegExp(folders.join('|')),
}

/** What should be in no published file, each with what was found; nothing when all is well. */
export function leaksIn(text: string): string[] {
  return Object.entries(leaks).flatMap(([what, pattern]) => {
    const [found] = pattern.exec(text) ?? []
    return found === undefined ? [] : [`${what}: ${found}`]
  })
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
