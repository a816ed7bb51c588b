import type { IncomingMessage, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import type { InteractionResults } from 'oidc-provider'

const USER = 'developer'
type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

/** The one page of this server: the developer is signed in without being asked, and allows each client by a click. */
export async function answerInteraction(
  provider: Provider,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const interaction = await provider.interactionDetails(req, res)
  const finish = (result: InteractionResults) =>
    provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false })
  if (interaction.prompt.name === 'login') return finish({ login: { accountId: USER } })
  // A page elsewhere can neither press the button (its cookie is SameSite, and under a rebound name nothing is
  // answered) nor have it pressed (no frames).
  if (req.method === 'POST') return finish(await granted(provider, interaction))
  const client = await provider.Client.find(String(interaction.params.client_id))
  const page = pageFor(client?.clientName ?? String(interaction.params.client_id), interaction)
  res
    .writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'Cache-Control': 'no-store',
    })
    .end(page)
}

async function granted(
  provider: Provider,
  { grantId, session, params, prompt }: Interaction,
): Promise<InteractionResults> {
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  const grant =
    known ??
    new provider.Grant({
      accountId: session?.accountId ?? USER,
      clientId: String(params.client_id),
    })
  const { missingOIDCScope, missingResourceScopes } = prompt.details as {
    missingOIDCScope?: string[]
    missingResourceScopes?: Record<string, string[]>
  }
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '))
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '))
  }
  return { consent: { grantId: await grant.save() } }
}

function pageFor(client: string, { params }: Interaction): string {
  return `<!doctype html>
<title>Development authorization server</title>
<h1>Allow ${escaped(client)}?</h1>
<p>It asks to call <code>${escaped(String(params.resource ?? ''))}</code> as <b>${USER}</b>
with the scopes <code>${escaped(String(params.scope ?? ''))}</code>
and gets the answer at <code>${escaped(String(params.redirect_uri))}</code>.</p>
<form method="post"><button autofocus>Allow</button></form>
`
}

/** A client chooses its own name. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
