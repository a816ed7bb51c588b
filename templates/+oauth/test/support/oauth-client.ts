import type {
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import { signIn } from './browser.js'

/** What an MCP client keeps for OAuth; it registers itself, and its user allows whatever it asks for. */
export class MemoryOAuth implements OAuthClientProvider {
  readonly redirectUrl = new URL('http://localhost:49152/callback')
  readonly clientMetadata = {
    client_name: 'test <client>',
    redirect_uris: [String(this.redirectUrl)],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  /** What the authorization server answered to the client by way of the browser. */
  answer = new URL(this.redirectUrl)
  /** The scopes of each authorization that was asked for. */
  readonly asked: (string | null)[] = []
  #discovery: OAuthDiscoveryState | undefined
  #client: StoredOAuthClientInformation | undefined
  #tokens: StoredOAuthTokens | undefined
  #verifier = ''

  discoveryState() {
    return this.#discovery
  }

  saveDiscoveryState(state: OAuthDiscoveryState) {
    this.#discovery = state
  }

  clientInformation() {
    return this.#client
  }

  saveClientInformation(client: StoredOAuthClientInformation) {
    this.#client = client
  }

  tokens() {
    return this.#tokens
  }

  saveTokens(tokens: StoredOAuthTokens) {
    this.#tokens = tokens
  }

  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier
  }

  codeVerifier() {
    return this.#verifier
  }

  async redirectToAuthorization(url: URL) {
    this.asked.push(url.searchParams.get('scope'))
    this.answer = await signIn(url, this.redirectUrl)
  }
}
