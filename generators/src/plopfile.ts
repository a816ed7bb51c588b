import type { NodePlopAPI } from 'node-plop'
import { type Choice, choices, type Switch, switches } from './features.js'
import { nameProblem, suggestName } from './name.js'

export interface Questions {
  /** Why a directory cannot be used, or undefined. */
  directoryProblem(directory: string): Promise<string | undefined>
  /** The name the project would have in a directory. */
  nameFor(directory: string): string
}

/** What is asked, in order. Every question has the name of its flag. */
export function questionNames(): string[] {
  return ['directory', 'name', ...Object.keys(switches), ...Object.keys(choices)]
}

/** The questions of `create-mcp-prod`. What the answers mean is no business of plop's. */
export default function plopfile(
  plop: NodePlopAPI,
  { directoryProblem, nameFor }: Questions,
): void {
  plop.setGenerator('server', {
    description: 'an MCP server',
    prompts: [
      {
        type: 'input',
        name: 'directory',
        message: 'Directory',
        default: 'my-server',
        validate: async (directory: string) => (await directoryProblem(directory)) ?? true,
      },
      {
        type: 'input',
        name: 'name',
        message: 'npm name',
        default: ({ directory }: { directory: string }) => suggestName(nameFor(directory)),
        validate: (name: string) => nameProblem(name) ?? true,
      },
      ...(Object.keys(switches) as Switch[]).map((name) => ({
        type: 'confirm' as const,
        name,
        message: `Add ${switches[name].about}?`,
        default: switches[name].default,
      })),
      ...(Object.keys(choices) as Choice[]).map((name) => ({
        type: 'list' as const,
        name,
        message: `${capitalised(choices[name].about)}:`,
        choices: [...choices[name].values],
      })),
    ],
    actions: [],
  })
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
