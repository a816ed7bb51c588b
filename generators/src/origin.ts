import { join } from 'node:path'
import { CliError, shown } from './errors.js'
import {
  type Choice,
  choices,
  choiceValue,
  type Options,
  type Selection,
  type Switch,
  switches,
} from './features.js'
import { type JsonObject, parseObject } from './json.js'
import { nameProblem } from './name.js'
import { readOwn } from './upgrade/own.js'
import { compareVersions, isVersion } from './version.js'

/** What a project was made from; with it a newer command can say what it would write otherwise. */
export interface Origin {
  /** Of create-mcp-prod. */
  version: string
  /** The project's name when it was made. */
  name: string
  options: Options
}

export const originPath = '.create-mcp-prod.json'

const maxBytes = 64 * 1024
const restore = 'restore the file as it was committed'
/** Flags of the command that choose nothing of a project. */
const reserved = /^(name|yes|dry-run|install|git|kit|diff|from|help|version|no-.*)$/
const optionName = /^[a-z][a-z0-9-]{0,39}$/
const optionValue = /^[a-z0-9][a-z0-9-]*(\+[a-z0-9][a-z0-9-]*)*$/

export function originText({ version, name, options }: Origin): string {
  return `${JSON.stringify({ version, name, options }, null, 2)}\n`
}

/**
 * What a project says it was made from. Nothing of it is trusted: what comes back is safe to stand on a command line.
 *
 * @throws CliError when there is no such file, when it is damaged, and when this command is older than the project.
 */
export async function readOrigin(directory: string, ownVersion: string): Promise<Origin> {
  const path = join(directory, originPath)
  const own = await readOwn(directory, originPath, maxBytes)
  if (own.kind === 'missing') {
    throw new CliError(
      `${shown(path)} does not exist: give the directory of a project that create-mcp-prod wrote, or restore the file`,
    )
  }
  if (own.kind === 'large') throw damaged(path, `it is larger than ${maxBytes} bytes`)
  if (own.kind !== 'file')
    throw damaged(path, 'it is no file of its own, but a link or a directory')
  let parsed: JsonObject
  try {
    parsed = parseObject(own.content.toString(), 'JSON')
  } catch (error) {
    throw damaged(path, JSON.stringify((error as Error).message).slice(1, -1))
  }
  const version = versionIn(parsed, path, ownVersion)
  const { name } = parsed
  const problem = typeof name === 'string' ? nameProblem(name) : 'it is missing or no text'
  if (problem) throw damaged(path, `"name" ${shownJson(name)} cannot name the project: ${problem}`)
  return { version, name: String(name), options: optionsIn(parsed, path) }
}

function versionIn({ version }: JsonObject, path: string, ownVersion: string): string {
  if (typeof version !== 'string' || !isVersion(version)) {
    throw damaged(path, `"version" ${shownJson(version)} is no version such as 1.2.3`)
  }
  if (compareVersions(version, ownVersion) > 0) {
    throw new CliError(
      `the project is of create-mcp-prod ${version}, newer than this command (${ownVersion}): run npx --yes create-mcp-prod@latest --diff`,
    )
  }
  return version
}

function optionsIn({ options }: JsonObject, path: string): Options {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw damaged(path, `"options" ${shownJson(options)} is no object`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!optionName.test(name) || reserved.test(name)) {
      throw damaged(path, `option ${shown(name)} is none that chooses what a project has`)
    }
    const isValue = typeof value === 'string' && value.length <= 100 && optionValue.test(value)
    if (typeof value !== 'boolean' && !isValue) {
      throw damaged(
        path,
        `option ${shown(name)} has the value ${shownJson(value)}, which no flag takes`,
      )
    }
  }
  return options as Options
}

/** What this command understands of a project's options; the rest has its default, and `unknown` names it. */
export function selectionOf(options: Options): { selection: Selection; unknown: string[] } {
  const selection: Record<string, boolean | string> = {}
  const unknown: string[] = []
  for (const [name, value] of Object.entries(options)) {
    const understood = understoodAs(name, value)
    if (understood === undefined) unknown.push(`${name}: ${value}`)
    else selection[name] = understood
  }
  return { selection: selection as Selection, unknown }
}

function understoodAs(name: string, value: boolean | string): boolean | string | undefined {
  if (typeof value === 'boolean') return isSwitch(name) ? value : undefined
  return Object.hasOwn(choices, name) ? choiceValue(name as Choice, value) : undefined
}

function isSwitch(name: string): name is Switch {
  return Object.hasOwn(switches, name)
}

/** Long values are cut: whatever stands in the file, the error stays one readable line. */
function shownJson(value: unknown): string {
  return (JSON.stringify(value) ?? 'undefined').slice(0, 100)
}

export function damaged(path: string, why: string): CliError {
  return new CliError(`${shown(path)} is damaged: ${why}: ${restore}`)
}
