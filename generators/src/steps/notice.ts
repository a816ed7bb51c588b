import type { Context } from '../context.js'

/** Says that nobody was asked. Not before the files are there: whatever is refused until then is one line. */
export async function notice({ plan }: Context): Promise<void> {
  if (plan.unasked) {
    process.stderr.write('create-mcp-prod: no terminal to ask in, so defaults are taken\n')
  }
}
