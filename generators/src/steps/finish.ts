import type { Context, Plan } from '../context.js'
import { knownDatabases } from '../features.js'
import { changeTo } from '../shell.js'

/** What to type next. Secrets stay in `.env`: what is printed ends in logs and screenshots. */
export async function finish({ plan, from, progress }: Context): Promise<void> {
  const change = changeTo(from, plan.target)
  const prepare = [change, plan.install ? '' : 'npm install']
  const text = plan.features.apikey ? withKey(plan, prepare) : withOauth(plan, prepare, change)
  progress.say(`\n${startedBy()}${text}\n\n${JSON.stringify(clientOf(plan), null, 2)}`)
}

/** Who started it with another package manager would go on with that. */
function startedBy(): string {
  const [manager] = /^(pnpm|yarn|bun)(?=\/)/.exec(process.env.npm_config_user_agent ?? '') ?? []
  return manager
    ? `Started by ${manager}. The project uses npm: its lock file, image and CI are npm's.\n`
    : ''
}

function withKey(plan: Plan, prepare: string[]): string {
  const oauth = `
For OAuth, first start npm run auth-server in a second terminal, and leave the
headers out.`
  return `${plan.name} is ready. Next:

${block(...prepare, ...databases(plan), 'npm run dev')}

It serves ${urlOf(plan)}
Its development key is MCP_DEV_API_KEY in .env, which git ignores.${plan.features.oauth ? oauth : ''}${ownDatabases(plan)}
Client configuration, with the key in the client's environment, or in place of
the variable:`
}

function withOauth(plan: Plan, prepare: string[], change: string): string {
  return `${plan.name} is ready. In a second terminal, start its development authorization server:

${block(...prepare, 'npm run auth-server')}

Then the server:

${block(change, ...databases(plan), 'npm run dev')}

It serves ${urlOf(plan)}${ownDatabases(plan)}
Clients find the authorization server by themselves; you sign in in the browser.
Client configuration:`
}

const settingOf = { postgres: 'DATABASE_URL', redis: 'REDIS_URL' } as const

/** What starts the databases of compose.yaml. */
function databases({ features }: Plan): string[] {
  const used = knownDatabases.filter((name) => features[name])
  return features.compose && used.length > 0 ? [`docker compose up --wait ${used.join(' ')}`] : []
}

/** Where there is no compose.yaml, .env must name databases of the user's own. */
function ownDatabases({ features }: Plan): string {
  const settings = knownDatabases.filter((name) => features[name]).map((name) => settingOf[name])
  if (features.compose || settings.length === 0) return ''
  return `\nSet ${settings.join(' and ')} in .env first.`
}

function block(...commands: string[]): string {
  return commands
    .filter(Boolean)
    .map((command) => `  ${command}`)
    .join('\n')
}

/** With OAuth as `.env` has it: a token is for this very URL, not for another name of the same machine. */
function urlOf({ features }: Plan): string {
  return `http://${features.oauth ? 'localhost' : '127.0.0.1'}:8080/mcp`
}

function clientOf(plan: Plan): object {
  const headers = { Authorization: `Bearer \${MCP_DEV_API_KEY}` }
  const server = { type: 'http', url: urlOf(plan), ...(plan.features.apikey && { headers }) }
  return { mcpServers: { [plan.name.replace(/^.*\//, '')]: server } }
}
