import type { WorkerContext } from '../../src/index.js'

export function run({ below }: { below: number }, { principal }: WorkerContext) {
  let count = 0
  for (let n = 2; n < below; n++) if (isPrime(n)) count++
  return { count, for: principal?.id ?? 'nobody' }
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
