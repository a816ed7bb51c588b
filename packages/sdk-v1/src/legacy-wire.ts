import type { Tool } from '@mcp-prod/tools'
import { type CallToolResult, Server } from '@modelcontextprotocol/server'

type Listing = Tool['listing']

/** What of tools looks otherwise in the 2025 revisions, where every output is an object. */
export interface LegacyWire {
  listing(entry: Listing): Listing
  result(result: CallToolResult, schema: Record<string, unknown> | undefined): CallToolResult
}

/** SDK v2 knows the older shapes, and never speaks here. */
class Projector extends Server {
  listings(tools: readonly Listing[]): readonly Listing[] {
    const { tools: projected } = this._wireCodec().encodeResult('tools/list', {
      tools,
    } as never) as unknown as { tools: readonly Listing[] }
    return projected
  }
}

/** An output schema whose root is no object is wrapped (SEP-2106), once, and what a tool gives to it is then wrapped too. */
export function legacyWire(tools: readonly Tool[]): LegacyWire {
  const projector = new Projector({ name: 'projector', version: '0' })
  const listings = tools.map(({ listing }) => listing)
  const projected = projector.listings(listings)
  const byListing = new Map(listings.map((entry, index) => [entry, projected[index] ?? entry]))
  return {
    listing: (entry) => byListing.get(entry) ?? entry,
    result: (result, schema) => projector.projectCallToolResult(result, schema),
  }
}
