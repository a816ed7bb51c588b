/** How a server knows a caller: a token that is compared, a JWT of a key set, of a shared secret, or an API key. */
export type Credential = 'token' | 'jwks' | 'secret' | 'api-key'

export interface Contestant {
  /** Its folder in servers/. */
  id: string
  title: string
  /** Exact versions, as they are installed; the first one is the contestant. */
  packages: Record<string, string>
  /** What is needed to build it and not to run it. */
  development?: Record<string, string>
  /** Commands in its folder after the installation. */
  build?: readonly (readonly string[])[]
  server: readonly string[]
  minimal: readonly string[]
  /** Its files that count as lines to the first tool. */
  written: readonly string[]
  stdio?: readonly string[]
  credential: Credential
  /** Where its build fixes the port. */
  port?: number
  /** The path that its documentation gives to readiness or, where there is none, to health. */
  readiness?: string
}

const sdk = { '@modelcontextprotocol/sdk': '1.32.2' }
const hono = { hono: '4.13.19', '@hono/node-server': '2.1.9' }
const zod = { zod: '4.6.7' }
const plain = {
  server: ['server.mjs'],
  minimal: ['minimal.mjs'],
  written: ['minimal.mjs'],
  credential: 'token',
} as const

export const ours: Contestant = {
  id: 'mcp-prod',
  title: 'create-mcp-prod',
  packages: {},
  server: ['dist/main.js'],
  minimal: ['dist/main.js'],
  written: ['echo.ts'],
  stdio: ['dist/stdio.js'],
  credential: 'api-key',
  readiness: '/ready',
}

/** The official SDK's second line. */
const second: Contestant = {
  ...plain,
  id: 'sdk-v2',
  title: 'SDK v2',
  packages: {
    '@modelcontextprotocol/server': '2.4.0',
    '@modelcontextprotocol/express': '2.0.2',
    '@modelcontextprotocol/node': '2.1.2',
    express: '5.3.0',
    ...zod,
  },
  stdio: ['server.mjs', 'stdio'],
}

export const contestants: readonly Contestant[] = [
  {
    ...plain,
    id: 'sdk-v1',
    title: 'SDK v1',
    packages: { ...sdk, ...zod },
    stdio: ['server.mjs', 'stdio'],
  },
  second,
  {
    ...plain,
    id: 'fastmcp',
    title: 'fastmcp',
    packages: { fastmcp: '4.20.16', ...zod },
    stdio: ['server.mjs', 'stdio'],
    readiness: '/ready',
  },
  {
    ...plain,
    id: 'mcp-handler',
    title: 'mcp-handler',
    packages: {
      'mcp-handler': '2.4.0',
      '@modelcontextprotocol/server': '2.4.0',
      ...hono,
      ...zod,
    },
  },
  {
    ...plain,
    id: 'hono-mcp',
    title: '@hono/mcp',
    packages: { '@hono/mcp': '0.3.2', 'hono-rate-limiter': '0.5.3', ...sdk, ...hono, ...zod },
    stdio: ['server.mjs', 'stdio'],
  },
  {
    ...plain,
    id: 'mcp-framework',
    title: 'mcp-framework',
    // It reads schemas of zod 3 alone.
    packages: { 'mcp-framework': '0.2.22', zod: '3.25.76' },
    stdio: ['server.mjs', 'stdio'],
    credential: 'jwks',
    readiness: '/health',
  },
  {
    id: 'xmcp',
    title: 'xmcp',
    packages: { xmcp: '1.1.3', zod: '3.25.76' },
    development: { '@xmcp-dev/compiler': '1.1.3', typescript: '5.9.3' },
    build: [
      ['npx', 'xmcp', 'build'],
      ['npm', 'run', '--silent', 'build-minimal'],
    ],
    server: ['dist/http.js'],
    minimal: ['minimal/dist/http.js'],
    written: ['minimal/xmcp.config.ts', 'minimal/src/tools/echo.ts'],
    stdio: ['dist/stdio.js'],
    credential: 'secret',
    port: 43_117,
    readiness: '/health',
  },
  ours,
]
