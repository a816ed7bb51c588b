/** Lists of numbers to try the tools with. */
export const samples: ReadonlyMap<string, { about: string; numbers: readonly number[] }> = new Map([
  ['dice', { about: 'Twenty throws of two dice.', numbers: dice() }],
  ['primes', { about: 'The primes below a hundred.', numbers: primesBelow(100) }],
])

export const sampleNames: readonly string[] = [...samples.keys()]

function dice(): number[] {
  return [7, 4, 9, 6, 11, 8, 5, 7, 3, 10, 7, 6, 8, 2, 9, 7, 5, 12, 6, 8]
}

function primesBelow(end: number): number[] {
  const primes: number[] = []
  for (let number = 2; number < end; number++) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number)
  }
  return primes
}
