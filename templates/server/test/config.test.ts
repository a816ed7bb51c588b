import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readConfig, settings } from '../src/config.js'
import { required } from './support/credentials.js'

const certificate = '-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n'
const privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()
const stateKey = randomBytes(32).toString('base64')

it('explains every setting in .env.example, with its default', () => {
  const example = new Map(
    readFileSync('.env.example', 'utf8')
      .split('\n')
      .map((line) => /^([A-Z_]+)=(.*)$/.exec(line))
      .flatMap((match) => (match ? [[match[1], match[2]] as const] : [])),
  )
  expect([...example.keys()].sort()).toEqual(Object.keys(settings).sort())
  const asInExample = readConfig({ ...Object.fromEntries(example), ...required })
  expect(asInExample).toEqual(readConfig(required))
})

describe('a start is refused', () => {
  it.each([
    ['API_KEYS', { API_KEYS: '' }, 'is not set'], // +apikey
    ['API_KEYS', { API_KEYS: '[]' }, 'list is empty'], // +apikey
    ['RESOURCE_URL', { RESOURCE_URL: 'http://mcp.example/mcp' }, 'https'], // +oauth
    ['RESOURCE_URL', { RESOURCE_URL: 'https://mcp.example/mcp/' }, 'canonical'], // +oauth
    ['OAUTH_ISSUER', { OAUTH_ISSUER: 'auth.example' }, 'absolute'], // +oauth
    ['OAUTH_ISSUER', { OAUTH_ISSUER: 'http://auth.example' }, 'plain http'], // +oauth
    ['OAUTH_PRIVATE_HOSTS', { OAUTH_PRIVATE_HOSTS: 'http://a' }, 'hosts'], // +oauth
    ['OAUTH_CLIENT_SECRET', { OAUTH_CLIENT_SECRET: '' }, 'is not set'], // +introspection
    ['OAUTH_JWKS', { OAUTH_JWKS: '{"keys":[{"kty":"oct","k":"aGk"}]}' }, 'public'], // +jwt
    ['TLS_KEY', { TLS_CERT: '-----BEGIN CERTIFICATE-----' }, 'is not set'],
    ['TLS_KEY', { TLS_CERT: certificate, TLS_KEY: privateKey }, 'does not fit TLS_CERT'],
    ['TLS_CERT', { TLS_CERT: 'cert.pem' }, 'PEM'],
    ['TLS_CERT', { TLS_CERT: '-----BEGIN PRIVATE KEY-----' }, 'private key'],
    ['PORT', { PORT: '80 80' }, 'whole number'],
    ['WORKERS', { WORKERS: 'many' }, 'neither auto nor a number'],
    ['WORKERS', { WORKERS: '0' }, 'neither auto nor a number'],
    ['WORKERS', { WORKERS: '1.5' }, 'neither auto nor a number'],
    ['WORKERS', { WORKERS: '2', ADMIN_PORT: 'none' }, 'is 2 here, but ADMIN_PORT is none'],
    ['ADMIN_PORT', { ADMIN_PORT: 'None' }, 'neither a port'],
    ['TRUST_PROXY', { TRUST_PROXY: 'true' }, 'number of proxies'],
    ['SHUTDOWN_GRACE', { SHUTDOWN_GRACE: '5' }, 'unit'],
    ['ALLOWED_HOSTS', { ALLOWED_HOSTS: '*' }, 'exact hosts'],
    ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: 'https://a.example/path' }, 'origin'],
    ['MAX_BODY', { MAX_BODY: '0B' }, '1KiB'],
    ['REQUEST_STATE_KEYS', { REQUEST_STATE_KEYS: 'short' }, '32 bytes'],
    ['REQUEST_STATE_KEYS', { REQUEST_STATE_KEYS: 'changeme'.repeat(4) }, 'openssl rand'],
    ['REQUEST_STATE_KEYS', { REQUEST_STATE_KEYS: `${stateKey},${stateKey}` }, 'a key twice'],
    ['LOG_LEVEL', { LOG_LEVEL: 'inof' }, 'info'],
  ])('for a wrong %s, saying what is expected', (name, env, expected) => {
    expect(() => readConfig({ ...required, ...env })).toThrow(
      new RegExp(`${name}: .*${expected}`, 'i'),
    )
  })
})
