import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const has = (...command: [string, ...string[]]) =>
  spawnSync(command[0], command.slice(1)).status === 0

const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '']
  .map((architecture) => join('/usr/lib', architecture, 'faketime/libfaketime.so.1'))
  .filter(existsSync)

export const faketime = libraries[0]

export const hasRedis = present('redis-server', has('redis-server', '--version'))
export const hasCluster = hasRedis && present('redis-cli', has('redis-cli', '--version'))
export const hasTls = hasRedis && present('openssl', has('openssl', 'version'))
export const hasClock = hasRedis && present('libfaketime (Debian: faketime)', Boolean(faketime))

function present(component: string, isPresent: boolean): boolean {
  if (isPresent) return true
  if (process.env.REQUIRE_COMPONENTS === '1') {
    throw new Error(`${component} is not installed, but REQUIRE_COMPONENTS is 1`)
  }
  process.stderr.write(`skipped: ${component} is not installed\n`)
  return false
}
