/**
 * What a person does in the browser when a client sends them to the authorization server: follows the redirects
 * and presses the one button, until a redirect leads back to the client.
 *
 * @returns the URL at which the client gets its answer.
 */
export async function signIn(authorizationUrl: URL, callback: URL): Promise<URL> {
  const cookies = new Map<string, string>()
  let url = authorizationUrl
  let method = 'GET'
  for (let step = 0; step < 20; step++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { method, redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    const page = await response.text()
    if (location) {
      url = new URL(location, url)
      method = 'GET'
      if (url.origin === callback.origin) return url
    } else if (page.includes('<form method="post">')) method = 'POST'
    else throw new Error(`${url} answered ${response.status}: ${page}`)
  }
  throw new Error('the authorization server sends the browser round in circles')
}
