import { generateApiKey, hashApiKey } from '@mcp-prod/auth'
import type { Project } from '../project.js'

const scopes = ['stats:read', 'weather:read', 'catalog:read', 'notes:read', 'notes:write']

/** The project's own key and so many more, each of a principal of its own, and the setting that has all of them. */
export function callers({ key }: Project, more: number) {
  // A key is looked up by the id in it.
  const ids = ['dev', ...Array.from({ length: more }, (_, i) => `more${i}`)]
  const keys = ids.map((id) => (id === 'dev' ? key : generateApiKey(id).key))
  const list = keys.map((key, i) => ({
    id: ids[i],
    hash: hashApiKey(key),
    principal: ids[i],
    scopes,
  }))
  return { keys, API_KEYS: JSON.stringify(list) }
}
