import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type ClientCertificate,
  clientCertificates,
  parseClientCertificates,
} from '../src/index.js'
import {
  NAME_FORMAT,
  type Pair,
  printedSubject,
  selfSigned,
  serveTls,
  signedBy,
} from './certificates.js'

const { raw } = String
let ca: Pair
beforeAll(() => {
  ca = selfSigned('/CN=Client CA')
})

describe('the subject that the command of the README prints is the one in the list', () => {
  it.each([
    ['the most specific part first', '/C=SE/O=Acme/CN=ci', 'CN=ci,O=Acme,C=SE'],
    ['a comma', '/O=Acme, Inc./CN=ci', raw`CN=ci,O=Acme\, Inc.`],
    ['what would be a part', '/CN=ci,O=Acme', raw`CN=ci\,O=Acme`],
    ['what would be an attribute', raw`/CN=ci \+ UID=7`, raw`CN=ci \+ UID=7`],
    ['a line break', '/CN=ci\nO=Acme', raw`CN=ci\0AO=Acme`],
    ['a tab', '/CN=a\tb', raw`CN=a\09b`],
    ['backslashes', raw`/CN=a\\,O=b\\`, raw`CN=a\\\,O=b\\`],
    ['quotes and brackets', '/CN="a" <b>;c', raw`CN=\"a\" \<b\>\;c`],
    ['spaces', '/O=x/CN= a  b ', raw`CN=\ a  b\ ,O=x`],
    ['a space before a plus', raw`/CN=a\ +UID=7`, raw`UID=7+CN=a\ `],
    ['a hash', '/CN=#0C05', raw`CN=\#0C05`],
    ['an equals sign', '/CN=a=b', 'CN=a=b'],
    ['beyond ASCII', '/O=Ünïcode/CN=日本 😀', 'CN=日本 😀,O=Ünïcode'],
    ['other attributes', '/DC=com/emailAddress=a@b.c', 'emailAddress=a@b.c,DC=com'],
    ['one without a name', '/nameless=hello/CN=ci', 'CN=ci,1.2.3.4.5=hello'],
    ['several in one part', '/O=Acme/CN=ci+UID=7', 'UID=7+CN=ci,O=Acme'],
  ])('%s: %j', async (_case, given, subject) => {
    const pair = signedBy(ca, given)
    expect(printedSubject(pair)).toBe(subject)
    const { ask } = await serveTls(ca, [{ subject, scopes: [] }])
    expect((await ask(pair)).body).toMatchObject({ clientId: subject })
  })

  it('several in one part, in whatever order they were asked for', async () => {
    for (const given of ['/UID=7+serialNumber=9+CN=ci', '/CN=ci+serialNumber=9+UID=7']) {
      const pair = signedBy(ca, given)
      const { ask } = await serveTls(ca, [{ subject: printedSubject(pair), scopes: [] }])
      expect((await ask(pair)).status).toBe(200)
    }
  })
})

describe('a name that the client chose cannot pass for another subject', () => {
  const listed = [
    'CN=ci,O=Acme',
    'UID=7+CN=ci',
    raw`CN=ci\,O=Acme,O=Other`,
    'O=Acme,CN=ci',
    'CN=ci',
  ].map((subject) => ({ subject, scopes: [] }))
  it.each([
    '/CN=ci,O=Acme',
    raw`/CN=ci\\,O=Acme`,
    '/CN=ci\nO=Acme',
    '/O=Acme\nCN=ci',
    raw`/CN=ci\0AO=Acme`,
    '/CN=ci\\, O=Acme',
    raw`/CN=ci\+UID=7`,
    raw`/CN=ci \+ UID=7`,
    '/CN=CN=ci,O=Acme',
    '/O=Other/CN=ci\\\\,O=Acme',
    '/CN=ci ',
    '/CN= ci',
    '/CN=ci\u0000',
    '/CN=сi',
    '/OU=ci',
  ])('%j', async (given) => {
    // The arguments of a program cannot hold a null character.
    const pair = signedBy(ca, given.replace('\u0000', '\u0001'))
    const { ask } = await serveTls(ca, listed)
    expect((await ask(pair)).status).toBe(401)
  })
})

describe('the list', () => {
  const entry = { subject: 'CN=ci,O=Acme', scopes: ['a'] }
  const parse = (list: unknown) => parseClientCertificates(JSON.stringify(list))
  const faultsOf = (list: unknown): string[] => {
    try {
      parse(list)
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_AUTH_CERTIFICATES' })
      return (error as Error).message.split('\n- ').slice(1)
    }
    return []
  }

  it('is read from JSON', () => {
    const full = { ...entry, subject: 'CN=cd', principal: 'builder', tenant: 'acme' }
    expect(parse([entry, full])).toEqual([entry, full])
  })

  it.each([
    'ci',
    'CN=',
    '=ci',
    'C N=ci',
    '/O=Acme/CN=ci',
    'subject=C = SE, CN = ci',
    'CN = ci, O = Acme',
    'CN=ci, O=Acme',
    'CN=ci,',
    ',CN=ci',
    'CN=ci,Acme',
    'CN=ci + UID=7',
    'CN=ci;O=Acme',
    'CN="Acme, Inc."',
    'CN= ci',
    'CN=ci ',
    'CN=ci ,O=Acme',
    'CN=#0C05',
    'CN=a\nb',
    raw`CN=a\nb`,
    raw`CN=a\0ab`,
    raw`CN=a\C3`.slice(0, -1),
    'CN=a\\',
    `CN=${'a'.repeat(1100)}`,
    '',
    7,
    null,
  ])('names no subject that no certificate can have: %j', (subject) => {
    expect(faultsOf([{ ...entry, subject }])).toEqual([
      expect.stringMatching(/^certificates\[0\]\.subject must .*openssl x509/),
    ])
  })

  it('is refused with every fault by index and field, without a value', () => {
    const faults = faultsOf([
      entry,
      { ...entry, principal: '', tenant: 'a\nb', scopes: 'a' },
      { ...entry, subjcet: 'x' },
      {},
      'CN=ci',
    ])
    expect(faults).toEqual([
      expect.stringMatching(/^certificates\[1\]\.principal must/),
      expect.stringMatching(/^certificates\[1\]\.scopes must/),
      expect.stringMatching(/^certificates\[1\]\.tenant must/),
      'certificates[2] has an unknown field "subjcet"',
      expect.stringMatching(/^certificates\[3\]\.subject must/),
      expect.stringMatching(/^certificates\[3\]\.scopes must/),
      'certificates[4] must be an object',
      'certificates[1].subject repeats certificates[0].subject',
      'certificates[2].subject repeats certificates[0].subject',
    ])
  })

  it.each([[[]], [{}], [null], ['CN=ci']])('is none: %j', (list) => {
    expect(faultsOf(list)).toEqual([expect.stringMatching(/^the list is (empty|not an array)/)])
    expect(() => clientCertificates(list as ClientCertificate[])).toThrow('client certificates')
  })

  it('is not changed by a later change of what was given', async () => {
    const scopes = ['a']
    const pair = signedBy(ca, '/CN=ci')
    const given = [{ subject: 'CN=ci', scopes }]
    const { ask } = await serveTls(ca, given)
    scopes.push('admin')
    given.length = 0
    expect((await ask(pair)).body).toMatchObject({ scopes: ['a'] })
  })

  it('quotes nothing of a text that is no JSON', () => {
    expect(() => parseClientCertificates('hunter2')).toThrow(
      '@mcp-prod/auth: the client certificates are not usable:\n- the text is not valid JSON',
    )
  })
})

it('is in the README with the very command that these tests ran', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(`-noout -subject -nameopt ${NAME_FORMAT}\n`)
})
