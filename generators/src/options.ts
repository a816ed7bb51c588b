import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { didYouMean, shown, usage } from './errors.js'
import { type Choice, choices, type Selection, type Switch, switches } from './features.js'

/** What the command line says; what it does not say is undefined and may be asked. */
export interface Given extends Selection {
  directory?: string
  name?: string
  yes?: boolean
  dryRun?: boolean
  install: boolean
  git: boolean
  kit?: string
}

const after = `
In a terminal it asks for what no flag says; elsewhere, and with --yes, defaults are taken.

Examples:
  create-mcp-prod my-server
  create-mcp-prod my-server --yes --deploy none
  create-mcp-prod . --name @acme/search --no-stdio

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
    const message = error.message
      .replace(/^error: /, '')
      .replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1?')
    throw usage(/\?$/.test(message) ? message : `${message}: see --help`)
  }
  const [directory, extra] = command.args
  if (extra !== undefined) {
    throw usage(
      `argument ${shown(extra)} is one too many: give one directory, in quotes if it has spaces`,
    )
  }
  if (directory === '') throw usage('directory "" is empty: give the name of a directory')
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
    const text = `${about}: ${values.join(' or ')} (default: ${values[0]})`
    command.addOption(new Option(`--${name} <where>`, text).argParser(oneOf(name as Choice)))
  }
  for (const name of Object.keys(switches) as Switch[]) {
    command.option(`--${name}`, `${switches[name]} (default)`).option(`--no-${name}`, 'without it')
  }
  return command
    .option('-y, --yes', 'ask nothing, take defaults')
    .option('--dry-run', 'list the files, write nothing')
    .option('--no-install', 'neither install dependencies nor build')
    .option('--no-git', 'no git repository')
    .option('--kit <directory>', "take the kit's packages from tarballs in this directory")
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .addHelpText('after', after)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
}

function oneOf(name: Choice): (value: string) => string {
  const { values } = choices[name]
  return (value) => {
    if ((values as readonly string[]).includes(value)) return value
    throw new InvalidArgumentError(`It must be ${values.join(' or ')}${didYouMean(value, values)}`)
  }
}
