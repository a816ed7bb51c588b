import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.js'
import { CliError } from '../errors.js'
import { npm } from '../npm.js'
import { commandTo } from '../shell.js'
import { firstCommit, reasonForNone } from './git.js'

/** Development dependencies whatever NODE_ENV says; alone, although an enclosing workspace may list this path. */
const installArguments = [
  'install',
  '--include=dev',
  '--workspaces=false',
  '--no-fund',
  '--no-audit',
]

/** npm says nothing while it tries again for minutes. */
const slowAfterMs = 30_000
const slow = `
  npm install takes long. Either the network is slow, or npm waits for a registry
  that does not answer, and gives up after some minutes: npm config get registry
  says which. The files are written. Ctrl-C stops and removes them.
`

export async function install(context: Context): Promise<void> {
  if (!context.plan.install) return
  await context.progress.step('install', async () => {
    const patience = setTimeout(() => context.progress.say(slow), slowAfterMs)
    await must(context, installArguments, 'npm install').finally(() => clearTimeout(patience))
    return `${await countPackages(context.plan.target)} packages`
  })
}

export async function build(context: Context): Promise<void> {
  if (!context.plan.install) return
  await context.progress.step('build', async () => {
    await must(context, ['run', 'build', '--workspaces=false'], 'npm run build')
    return ''
  })
}

async function must(context: Context, args: string[], command: string): Promise<void> {
  const { plan, from, signal } = context
  const { exitCode, output } = await npm(args, { cwd: plan.target, signal })
  if (exitCode === 0) return
  const end = output.trimEnd().split('\n').slice(-20).join('\n')
  const rest = command === 'npm install' ? [command, 'npm run build'] : [command]
  const none = plan.git ? await reasonForNone(context).catch(() => 'no git') : 'not wanted'
  if (!none) rest.push(...firstCommit)
  signal.throwIfAborted()
  // The files are complete, so the project stays: only this command is to be repeated.
  context.undo = undefined
  const again = commandTo(from, plan.target, rest.join(' && '))
  throw new CliError(
    `${command} failed (exit code ${exitCode}); its last lines:\n${end}\n` +
      `create-mcp-prod: the project's files are complete: mend the cause, then ${again}`,
  )
}

async function countPackages(target: string): Promise<number> {
  const text = await readFile(join(target, 'node_modules/.package-lock.json'), 'utf8').catch(
    () => '{}',
  )
  const { packages = {} } = JSON.parse(text) as { packages?: object }
  return Object.keys(packages).length
}
