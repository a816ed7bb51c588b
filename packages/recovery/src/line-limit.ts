/**
 * Lets so many lines a second through and counts the others. When the second is over `tellOmitted` gets their number.
 *
 * @param tellOmitted not limited itself: it is called once a second at the most.
 */
export function lineLimit(
  maxPerSecond: number,
  tellOmitted: (count: number) => void,
): (write: () => void) => void {
  let left = maxPerSecond
  let omitted = 0
  let counting = false

  function endSecond(): void {
    const count = omitted
    counting = false
    left = maxPerSecond
    omitted = 0
    if (count > 0) tellOmitted(count)
  }

  return function limited(write) {
    if (!counting) setTimeout(endSecond, 1_000).unref()
    counting = true
    if (left > 0) {
      left--
      write()
    } else omitted++
  }
}
