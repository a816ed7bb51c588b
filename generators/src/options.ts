import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { refuseBesideDiff } from './diff-flags.js'
import { didYouMean, shown, usage } from './errors.js'
import {
  type Choice,
  choices,
  choiceValue,
  type Selection,
  type Switch,
  switches,
} from './features.js'

/** What the command line says; what it does not say is undefined and may be asked. */
export interface Given extends Selection {
  directory?: string
  name?: string
  yes?: boolean
  dryRun?: boolean
  install: boolean
  git: boolean
  kit?: string
  diff?: boolean
  from?: string
}

const after = `
In a terminal it asks for what no flag says; elsewhere, and with --yes, defaults are taken.

Examples:
  create-mcp-prod my-server
  create-mcp-prod my-server --yes --auth jwt --deploy none
  create-mcp-prod my-server --yes --postgres --redis
  create-mcp-prod . --name @acme/search --no-stdio
  create-mcp-prod --diff my-server > upgrade.patch

Exit codes: 0 done, 1 failure, 2 wrong usage, 130 interrupted (what was made is removed).`

/**
 * Reads the command line. `--help` and `--version` print and give undefined.
 *
 * @throws CliError (usage) for whatever is not known, with the nearest that is.
 */
export function parseOptions(argv: string[], version: string): Given | undefined {
  const command = describe(version)
  try {
    command.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    const message = inOneLine(error.message)
    throw usage(/\?$/.test(message) ? message : `${message}: see --help`)
  }
  const [directory, extra] = command.args
  if (extra !== undefined) {
    throw usage(
      `argument ${shown(extra)} is one too many: give one directory, in quotes if it has spaces`,
    )
  }
  if (directory === '') throw usage('directory "" is empty: give the name of a directory')
  const { kit, from } = command.opts<Given>()
  if (kit === '' || from === '')
    throw usage(`--${kit === '' ? 'kit' : 'from'} "" is empty: give the name of a directory`)
  refuseBesideDiff(command)
  return { ...command.opts<Given>(), ...(directory !== undefined && { directory }) }
}

/** `usage: …` for the one thing that cannot be left out. */
export function usageLine(): string {
  return 'usage: create-mcp-prod <directory> [flags], see --help'
}

function describe(version: string): Command {
  const command = new Command('create-mcp-prod')
    .description('Writes an MCP server for production, ready to run: tests, container, CI.')
    .argument('[directory]', 'where to write it: a new or an empty directory')
    .allowExcessArguments(true)
    .option('--name <name>', 'npm name of the project (default: the name of the directory)')
  for (const [name, { about, values }] of Object.entries(choices)) {
    const text = `${about}: ${listed(values)} (default: ${values[0]})`
    command.addOption(new Option(`--${name} <value>`, text).argParser(oneOf(name as Choice)))
  }
  for (const name of Object.keys(switches) as Switch[]) {
    const { about, default: isOn } = switches[name]
    command.option(`--${name}`, isOn ? `${about} (default)` : about)
    command.option(`--no-${name}`, isOn ? 'without it' : 'without it (default)')
  }
  return command
    .option('-y, --yes', 'ask nothing, take defaults')
    .option('--dry-run', 'list the files, write nothing')
    .option('--no-install', 'neither install dependencies nor build')
    .option('--no-git', 'no git repository')
    .option('--kit <directory>', "take the kit's packages from tarballs in this directory")
    .option('--diff', 'print as a patch what this version would change in a project; write nothing')
    .option('--from <directory>', "with --diff: an installed command of the project's version")
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .addHelpText('after', after)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
}

/** commander's message, which has values as they came and does not say which may stand where one is missing. */
function inOneLine(message: string): string {
  const line = message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1?')
    .replace(/\p{Cc}/gu, escaped)
  const [, choice] = /^option '--(\w+) <value>' argument missing$/.exec(line) ?? []
  return choice ? `${line}. ${mustBe(choice as Choice)}` : line
}

/** A control character that would forge output, as it is written in a string. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function mustBe(name: Choice): string {
  return `It must be ${listed(choices[name].values)}`
}

/** `a, b or c` */
function listed(values: readonly string[]): string {
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

/** `jwt+apikey` is taken as `apikey+jwt`. */
function oneOf(name: Choice): (value: string) => string {
  return (given) => {
    const value = choiceValue(name, given)
    if (value !== undefined) return value
    throw new InvalidArgumentError(`${mustBe(name)}${didYouMean(given, choices[name].values)}`)
  }
}
