import type { Context } from '../context.js'
import { changeTo } from '../shell.js'

const url = 'http://127.0.0.1:8080/mcp'

/** What to type next. The key itself stays in `.env`: what is printed ends in logs and screenshots. */
export async function finish({ plan, from, progress }: Context): Promise<void> {
  const commands = [changeTo(from, plan.target), plan.install ? '' : 'npm install', 'npm run dev']
  const client = {
    mcpServers: {
      [plan.name.replace(/^.*\//, '')]: {
        type: 'http',
        url,
        headers: { Authorization: `Bearer \${MCP_DEV_API_KEY}` },
      },
    },
  }
  progress.say(`
${plan.name} is ready. Next:

${commands
  .filter(Boolean)
  .map((command) => `  ${command}`)
  .join('\n')}

It serves ${url}. Its development key is MCP_DEV_API_KEY in .env, which git ignores.
Client configuration, with that key in the client's environment or in place of the variable:

${JSON.stringify(client, null, 2)}`)
}
