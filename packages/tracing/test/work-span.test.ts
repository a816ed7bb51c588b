import { expect, it } from 'vitest'
import { traceFields } from '../src/index.js'
import { KIND, sink } from './sink.js'
import { tracingTo } from './support.js'

it('is around work of any kind, whose result it gives', async () => {
  const collector = await sink()
  const { tracing } = tracingTo(collector.url)
  const attributes = {
    'db.system.name': 'postgresql',
    'db.query.text': `SELECT${' '.repeat(5000)}`,
    no: undefined,
  }
  const rows = await tracing.span('SELECT articles', { kind: 'client', attributes }, async () => {
    expect(tracing.span('inner', {}, () => traceFields()?.spanId)).toMatch(/^[0-9a-f]{16}$/)
    return 3
  })
  expect(rows).toBe(3)
  await collector.until(2)
  const [outer] = collector.named('SELECT articles')
  expect(outer).toMatchObject({
    kind: KIND.client,
    status: 0,
    attributes: { 'db.system.name': 'postgresql' },
  })
  expect(String(outer?.attributes['db.query.text'])).toHaveLength(1024)
  expect(outer?.attributes).not.toHaveProperty('no')
  expect(collector.named('inner')[0]).toMatchObject({
    kind: KIND.internal,
    parentSpanId: outer?.spanId,
  })
})

it('shows the code or name of what is thrown, and none of its text', async () => {
  const collector = await sink()
  const { tracing } = tracingTo(collector.url)
  const error = Object.assign(new Error('password=hunter2'), { code: '23505' })
  const work = tracing.span('query', {}, async () => {
    throw error
  })
  await expect(work).rejects.toBe(error)
  const wrong = new RangeError('hunter2')
  expect(() =>
    tracing.span('sync', {}, () => {
      throw wrong
    }),
  ).toThrow(wrong)
  const spans = await collector.until(2)
  expect(spans.map(({ attributes, status }) => [attributes['error.type'], status])).toEqual([
    ['23505', 2],
    ['RangeError', 2],
  ])
  expect(collector.bodies.join()).not.toContain('hunter2')
})
