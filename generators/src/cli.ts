import { resolve } from 'node:path'
import type { Context, Plan } from './context.js'
import { userDirectory } from './environment.js'
import { CliError, reason, shown, usage } from './errors.js'
import { featuresOf, optionsOf } from './features.js'
import { interruption } from './interrupt.js'
import { projectName } from './name.js'
import { type Given, parseOptions, usageLine } from './options.js'
import { progressTo } from './progress.js'
import { findSource, ownVersion } from './source.js'
import { check } from './steps/check.js'
import { finish } from './steps/finish.js'
import { git } from './steps/git.js'
import { build, install } from './steps/install.js'
import { list } from './steps/list.js'
import { notice } from './steps/notice.js'
import { render } from './steps/render.js'
import { write } from './steps/write.js'
import { inspectTarget } from './target.js'

/** The command. Sets the exit code: 0 done, 1 failure, 2 wrong usage, 130 interrupted. */
export async function main(argv: string[] = process.argv.slice(2)): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onWriteError)
  try {
    await create(argv, interruption())
  } catch (error) {
    const known = error instanceof CliError
    process.stderr.write(`create-mcp-prod: ${known ? error.message : (error as Error).stack}\n`)
    process.exitCode = known ? error.exitCode : 1
  }
}

/** Whoever reads the output may leave early (`| head`); the work goes on. A full disk must not pass for success. */
function onWriteError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || process.exitCode === 1) return
  process.exitCode = 1
  process.stderr.write(`create-mcp-prod: cannot write the output: ${reason(error)}\n`)
}

async function create(argv: string[], signal: AbortSignal): Promise<void> {
  const given = parseOptions(argv, await ownVersion())
  if (!given) return
  const from = userDirectory(process.env, workingDirectory())
  if (given.diff) return (await import('./upgrade/diff.js')).diff(given, from, signal)
  // Before anything is asked: answers would be lost.
  if (given.name !== undefined) projectName('', given.name, given.deploy !== 'none')
  const source = await findSource(given.kit && resolve(from, given.kit))
  if (given.directory !== undefined) await inspectTarget(resolve(from, given.directory))
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true
  const asks = isTerminal && !given.yes
  if (given.directory === undefined && !asks) throw usage(`no directory is given: ${usageLine()}`)
  const answered = asks ? await askFor(given, from, signal) : given
  const plan = planOf(answered, from, !isTerminal && !given.yes)
  await runSteps({
    plan,
    source,
    progress: progressTo(process.stdout),
    signal,
    from,
    files: new Map(),
  })
}

function workingDirectory(): string {
  try {
    return process.cwd()
  } catch {
    throw new CliError('the working directory is gone: change to another one')
  }
}

/** plop is loaded only to ask: it takes longer to start than the rest takes to run. */
async function askFor(given: Given, from: string, signal: AbortSignal): Promise<Given> {
  const { ask } = await import('./ask.js')
  return ask(given, from, signal)
}

function planOf(given: Given, from: string, unasked: boolean): Plan {
  const target = resolve(from, given.directory ?? '.')
  const { dryRun = false, install, git } = given
  const features = featuresOf(given)
  return {
    target,
    name: projectName(target, given.name, features.compose),
    features,
    options: optionsOf(given),
    dryRun,
    unasked,
    install,
    git,
  }
}

async function runSteps(context: Context): Promise<void> {
  const { dryRun } = context.plan
  const steps = dryRun
    ? [check, render, notice, list]
    : [check, render, write, notice, install, build, git, finish]
  try {
    for (const step of steps) {
      context.signal.throwIfAborted()
      await step(context)
    }
  } catch (error) {
    await takeBack(context)
    if (!context.signal.aborted) throw error
    throw new CliError('interrupted: everything this run made is removed', 130)
  }
}

async function takeBack({ undo, plan }: Context): Promise<void> {
  try {
    await undo?.()
  } catch (error) {
    throw new CliError(
      `cannot remove ${shown(plan.target)}, which is not finished: ${reason(error)}: remove it`,
    )
  }
}
