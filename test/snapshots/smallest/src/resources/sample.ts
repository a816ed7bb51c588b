import { defineResourceTemplate, ResourceNotFoundError } from '@mcp-prod/tools'
import { sampleNames, samples } from '../samples.js'

/** Shows a resource with a variable: it is listed, completed, and the same for every caller, who may keep it. */
export const sample = defineResourceTemplate({
  name: 'sample',
  title: 'Sample',
  description: 'Numbers to try summarize_numbers with.',
  uriTemplate: 'sample://{name}',
  mimeType: 'application/json',
  ttlMs: 3_600_000,
  cacheScope: 'public',
  scopes: [],
  timeoutMs: 2_000,
  list: () =>
    [...samples].map(([name, { about }]) => ({
      uri: `sample://${name}`,
      name,
      description: about,
      mimeType: 'application/json',
    })),
  complete: { name: (typed) => sampleNames.filter((name) => name.startsWith(typed)) },
  run({ uri, variables }) {
    const found = samples.get(variables.name ?? '')
    if (!found) throw new ResourceNotFoundError(uri)
    return JSON.stringify(found)
  },
})
