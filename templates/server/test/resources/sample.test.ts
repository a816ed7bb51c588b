import { ResourceNotFoundError } from '@mcp-prod/tools'
import { expect, it } from 'vitest'
import { sample } from '../../src/resources/sample.js'
import { toolContext } from '../support/tool-context.js'

const read = (name: string) =>
  sample.run({ uri: `sample://${name}`, variables: { name } }, toolContext())

it('gives the numbers of a sample', async () => {
  const { about, numbers } = JSON.parse(String(await read('primes')))
  expect(about).toContain('primes')
  expect(numbers.slice(0, 5)).toEqual([2, 3, 5, 7, 11])
  expect(numbers).toHaveLength(25)
})

it.each(['none', '', 'constructor', '__proto__'])('has no sample %j', async (name) => {
  await expect(async () => read(name)).rejects.toBeInstanceOf(ResourceNotFoundError)
})
