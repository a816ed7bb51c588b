/** What a type of an Accept header is worth, from the most specific range that names it (RFC 9110 §12.5.1). */
interface Range {
  type: string
  version: string | undefined
  quality: number
}

/**
 * Whether an Accept header prefers OpenMetrics 1.0.0 to the Prometheus text format 0.0.4. Prometheus asks for both
 * with qualities. A range in `*` asks for the text format, as does a header that names neither.
 */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  if (!accept) return false
  const ranges = accept.split(',').map(rangeOf)
  const qualityOf = (type: string, version: string) =>
    ranges
      .filter((range) => range.type === type && (range.version ?? version) === version)
      .reduce<number | undefined>((best, { quality }) => Math.max(best ?? 0, quality), undefined)
  const openMetrics = qualityOf('application/openmetrics-text', '1.0.0') ?? 0
  const text =
    qualityOf('text/plain', '0.0.4') ?? qualityOf('text/*', '') ?? qualityOf('*/*', '') ?? 0
  return openMetrics > text
}

/** Other parameters, such as `escaping` of Prometheus 3, choose nothing here: all names are plain ASCII. */
function rangeOf(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const given = (name: string) =>
    parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1)
  const quality = Number(given('q') ?? 1)
  return {
    type,
    version: given('version')?.replaceAll('"', ''),
    quality: quality >= 0 && quality <= 1 ? quality : 0,
  }
}
