import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { loadDevelopmentEnv, readSharedConfig } from '../src/config.js'
import { orExit } from '../src/faults.js'

// Applies db/schema.sql to DATABASE_URL, as one transaction: `npm run db:schema`.
loadDevelopmentEnv()
const config = orExit(readSharedConfig)
const schema = await readFile(new URL('../db/schema.sql', import.meta.url), 'utf8')
const client = new pg.Client({
  connectionString: config.DATABASE_URL,
  connectionTimeoutMillis: 10_000,
  lock_timeout: 10_000,
})
try {
  await client.connect()
  await client.query('begin')
  // Two runs at once would both find nothing and both create it.
  await client.query('select pg_advisory_xact_lock(20112026)')
  await client.query(schema)
  await client.query('commit')
  process.stdout.write('db/schema.sql is applied\n')
} catch (error) {
  process.stderr.write(`db/schema.sql is not applied: ${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await client.end()
}
