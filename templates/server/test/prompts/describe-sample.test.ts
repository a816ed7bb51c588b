import { expect, it } from 'vitest'
import { describeSample } from '../../src/prompts/describe-sample.js'
import { toolContext } from '../support/tool-context.js'

it('names the resource and the tool to use', async () => {
  const text = await describeSample.run({ sample: 'dice' }, toolContext())
  expect(text).toContain('sample://dice')
  expect(text).toContain('summarize_numbers')
})
