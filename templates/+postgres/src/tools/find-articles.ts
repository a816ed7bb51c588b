import { defineTool, ToolError } from '@mcp-prod/tools'
import { z } from 'zod'
import { DatabaseError } from '../postgres-query.js'

const article = z.object({
  id: z.int(),
  name: z.string(),
  priceCents: z.int(),
  inStock: z.int(),
})

export const findArticles = defineTool({
  name: 'find_articles',
  title: 'Find articles',
  description: 'Articles of the catalog whose name contains a text, in any case, by name.',
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  input: z.object({
    // No control characters: PostgreSQL has no NUL in a text.
    text: z
      .string()
      .min(1)
      .max(100)
      .regex(/^\P{Cc}*$/u)
      .describe('a part of the name'),
    limit: z.int().min(1).max(50).default(10).describe('how many at most'),
  }),
  output: z.object({ articles: z.array(article) }),
  scopes: ['catalog:read'],
  weight: 2,
  timeoutMs: 10_000,
  async run({ text, limit }, { signal, services, log }) {
    try {
      const articles = await services.postgres.query<z.infer<typeof article>>(
        `select id, name, price_cents as "priceCents", in_stock as "inStock"
         from articles where name ilike $1 order by name, id limit $2`,
        [`%${literally(text)}%`, limit],
        signal,
      )
      return { articles }
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error
      log.warn('find_articles failed', { reason: error.message })
      throw new ToolError('The database is not available; try again in a minute')
    }
  },
})

/** A pattern of LIKE that stands for the text itself, wildcards and all. */
function literally(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}
