import type { ToolContext, ToolServices } from '@mcp-prod/tools'

const ignore = () => {}

/** What a tool is given, for testing it alone; override what the test is about. */
export function toolContext({
  services,
  ...overrides
}: Partial<Omit<ToolContext, 'services'>> & {
  services?: Partial<ToolServices>
} = {}): ToolContext {
  return {
    signal: new AbortController().signal,
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    principal: { id: 'tester', clientId: 'test', scopes: [] },
    // Those that the tool under test needs.
    services: { ...services } as ToolServices,
    progress: async () => {},
    ...overrides,
  }
}
