import type { Command } from 'commander'
import { usage } from './errors.js'

/** What a project is made of is read from the project; nothing is written. */
export function refuseBesideDiff(command: Command): void {
  const given = command.options.filter(
    (option) => command.getOptionValueSource(option.attributeName()) === 'cli',
  )
  const names = [...new Set(given.map((option) => option.attributeName()))]
  if (!names.includes('diff')) {
    if (names.includes('from')) throw usage('--from goes with --diff alone: see --help')
    return
  }
  const wrong = names.filter((name) => !['diff', 'from', 'yes'].includes(name))
  if (wrong.length === 0) return
  const flags = wrong.map((name) => flagOf(command, name)).join(', ')
  throw usage(`${flags} cannot go with --diff, which takes what the project was made with`)
}

/** As it was typed: `--no-git`, `--auth`. */
function flagOf(command: Command, name: string): string {
  const isOff = command.getOptionValue(name) === false
  const option = command.options.find(
    (known) => known.attributeName() === name && known.negate === isOff,
  )
  return option?.long ?? name
}
