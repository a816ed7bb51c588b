import type { ToolContext } from '@mcp-prod/tools'

const ignore = () => {}

/** What a tool is given, for testing it alone; override what the test is about. */
export function toolContext(overrides: Partial<ToolContext> = {}): ToolContext {
  return {
    signal: new AbortController().signal,
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    principal: { id: 'tester', clientId: 'test', scopes: [] },
    services: {} as ToolContext['services'],
    progress: async () => {},
    ...overrides,
  }
}
