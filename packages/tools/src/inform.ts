/** Calls who only watches, which must decide nothing: neither by throwing, nor by what rejects later. */
export function inform(
  listener: () => unknown,
  onFailed: (error: unknown) => void = () => {},
): void {
  try {
    const told = listener()
    // Most give nothing, and a promise for each call would not be free.
    if (typeof told === 'object' && told !== null) Promise.resolve(told).catch(onFailed)
  } catch (error) {
    onFailed(error)
  }
}
