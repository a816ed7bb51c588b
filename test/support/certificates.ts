import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from './command.js'

/** A certificate authority in a folder, by openssl, and the certificates it signs: `<name>.crt` and `<name>.key`. */
export async function certificateAuthority(folder: string) {
  await mkdir(folder, { recursive: true })
  const openssl = (...words: string[]) => must('openssl', words, folder)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl('req', '-x509', ...key, '-days', '2', ...files('ca'), '-subj', '/CN=Test CA')

  return {
    path: (file: string) => join(folder, file),
    async sign(name: string, subject: string, days = 2) {
      await writeFile(join(folder, 'san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
      await openssl(
        'req',
        ...key,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        subject,
      )
      const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial']
      const to = ['-out', `${name}.crt`, '-days', String(days), '-extfile', 'san.cnf']
      await openssl('x509', '-req', '-in', `${name}.csr`, ...by, ...to)
    },
  }
}

function files(name: string): string[] {
  return ['-keyout', `${name}.key`, '-out', `${name}.crt`]
}
