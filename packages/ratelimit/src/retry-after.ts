/** Whole seconds between `seconds` and three times that, at random: who was refused together must not return together. */
export function spreadSeconds(seconds: number): number {
  return seconds + Math.floor(Math.random() * (2 * seconds + 1))
}
