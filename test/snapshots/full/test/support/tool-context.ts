import type { InputRequired, RunContext, ToolServices } from '@mcp-prod/tools'

const ignore = () => {}

/** What a tool, a resource or a prompt is given, for testing it alone; override what the test is about. */
export function toolContext({
  services,
  ...overrides
}: Partial<Omit<RunContext, 'services'>> & {
  services?: Partial<ToolServices>
} = {}): RunContext {
  return {
    signal: new AbortController().signal,
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    principal: { id: 'tester', clientId: 'test', scopes: [] },
    // Those that the tool under test needs.
    services: { ...services } as ToolServices,
    progress: async () => {},
    meta: undefined,
    clientCapabilities: undefined,
    notify: {
      toolsChanged: ignore,
      promptsChanged: ignore,
      resourcesChanged: ignore,
      resourceUpdated: ignore,
    },
    clientLog: async () => {},
    // What is asked, to be looked at in place of an answer.
    requireInput: async (ask) => ask as InputRequired,
    inputResponses: undefined,
    requestState: undefined,
    ...overrides,
  }
}
