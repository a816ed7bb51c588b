import { readFile } from 'node:fs/promises'
import { UsageError } from './option-values.js'

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/**
 * The credential, from where no other user of the machine sees it. It is in no message and in no file. The development key goes to
 * no other machine. @throws UsageError
 */
export async function credentialOf(url: URL, file: string | undefined, env: NodeJS.ProcessEnv) {
  const developers = LOOPBACK.includes(url.hostname) ? env.MCP_DEV_API_KEY : undefined
  const text = file === undefined ? (env.TOKEN ?? developers) : await read(file)
  const token = text?.trim()
  if (!token) {
    throw new UsageError(
      file === undefined
        ? 'there is no credential; set TOKEN to a token, as README.md says under "Run", or give --token-file'
        : `--token-file ${file} is empty; write the credential into it`,
    )
  }
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new UsageError(
    `the credential of ${file === undefined ? 'TOKEN' : '--token-file'} has spaces or signs that no header can carry; give the token alone`,
  )
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `--token-file ${file} cannot be read (${error.code}); name a file that can`,
    )
  })
}
