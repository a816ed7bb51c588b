import { describe, expect, it } from 'vitest'
import { type HttpClientOptions, httpClient } from '../src/index.js'

describe('a wrong option is a fault at creation', () => {
  it.each<[string, unknown]>([
    ['connections', 0],
    ['connections', 1.5],
    ['connections', '32'],
    ['queue', -1],
    ['maxOrigins', 0],
    ['maxResponseBytes', Number.NaN],
    ['maxHeaderBytes', 0],
    ['connectTimeoutMs', 0],
    ['headersTimeoutMs', 2 ** 31],
    ['bodyTimeoutMs', -1],
    ['keepAliveMs', '4s'],
    ['maxConnectionAgeMs', Number.POSITIVE_INFINITY],
    ['privateHosts', 'api.internal'],
    ['privateHosts', ['https://api.internal']],
    ['privateHosts', ['10.0.0.0/8']],
    ['privateHosts', [undefined]],
    ['dangerouslyAllowHttp', 'no'],
    ['headers', { a: 'b' }],
    ['onEvent', 'log'],
    ['timeout', 5],
    ['retry', true],
    ['breaker', 'off'],
  ])('%s: %j', (option, value) => {
    const create = () => httpClient('billing', { [option]: value } as HttpClientOptions)
    expect(create).toThrow(TypeError)
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_RESILIENCE_OPTION' }))
    expect(create).toThrow(`@mcp-prod/resilience: ${option}`)
  })

  it('in a group too, and a name that is none', () => {
    expect(() => httpClient('billing', { timeout: { totalMs: 0 } })).toThrow('timeout.totalMs')
    expect(() => httpClient('billing', { retry: { attempts: 0 } })).toThrow('retry.attempts')
    expect(() => httpClient('billing', { breaker: { failureRate: 2 } })).toThrow('failureRate')
    expect(() => httpClient('')).toThrow('name of httpClient')
    expect(() => httpClient('billing', null as unknown as HttpClientOptions)).toThrow('options')
  })

  it('and its text shows no credentials', () => {
    const privateHosts = ['https://me:pass@api.internal/?key=secret']
    expect(() => httpClient('billing', { privateHosts })).not.toThrow(/pass|secret/)
  })
})
