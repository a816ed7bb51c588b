import { defineTool } from '@mcp-prod/tools'
import * as z from 'zod'

/** The tool that every contestant serves, as often as asked, under numbered names. */
export const count = Number(process.env.TOOLS ?? 1)
export const nameOf = (index: number) => `order_total_${index}`
export const description = 'What an order costs, with tax.'

export const input = z.object({
  order: z.string().max(64),
  price: z.number().min(0),
  quantity: z.int().min(1).max(1_000),
  taxPercent: z.number().min(0).max(100).default(20),
  note: z.string().max(500).optional(),
})
export const output = z.object({ order: z.string(), total: z.number() })

export function run({ order, price, quantity, taxPercent }: z.output<typeof input>) {
  return { order, total: price * quantity * (1 + taxPercent / 100) }
}

export const tools = Array.from({ length: count }, (_, index) =>
  defineTool({ name: nameOf(index), description, input, output, run }),
)
