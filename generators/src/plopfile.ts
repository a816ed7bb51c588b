import type { NodePlopAPI } from 'node-plop'
import { type Choice, choices, type Switch, switches } from './features.js'
import { newNameProblem, suggestName } from './name.js'

export interface Questions {
  /** Why a directory cannot be used, or undefined. */
  directoryProblem(directory: string): Promise<string | undefined>
  /** The name the project would have in a directory. */
  nameFor(directory: string | undefined): string
}

export interface InputQuestion {
  type: 'input'
  name: string
  message: string
  default: string | ((answers: { directory?: string }) => string)
  filter(answer: string): string
  validate(answer: string): true | string | Promise<true | string>
}

/** Every question has the name of its flag. */
export type Question =
  | InputQuestion
  | { type: 'confirm'; name: string; message: string; default: boolean }
  | { type: 'list'; name: string; message: string; choices: string[] }

/** The questions of `create-mcp-prod`, in order. What the answers mean is no business of plop's. */
export default function plopfile(plop: NodePlopAPI, questions: Questions): void {
  const prompts: Question[] = [
    directoryQuestion(questions),
    nameQuestion(questions),
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
  ]
  plop.setGenerator('server', { description: 'an MCP server', prompts, actions: [] })
}

function directoryQuestion({ directoryProblem }: Questions): InputQuestion {
  return {
    type: 'input',
    name: 'directory',
    message: 'Directory',
    default: 'my-server',
    filter: trimmed,
    validate: async (directory) => (await directoryProblem(directory)) ?? true,
  }
}

function nameQuestion({ nameFor }: Questions): InputQuestion {
  return {
    type: 'input',
    name: 'name',
    message: 'npm name',
    default: ({ directory }) => suggestName(nameFor(directory)),
    filter: trimmed,
    validate: (name) => newNameProblem(name) ?? true,
  }
}

/** What is pasted often has a space at its end. */
function trimmed(answer: string): string {
  return answer.trim()
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
