/** Text that is HTML already. Only `html` and `asMarkup` make it. */
export interface Markup {
  markup: string
}

type Value = string | number | Markup | readonly Markup[]

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A template in which every value is escaped but what `html` made itself; attributes must be quoted. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Markup {
  const markup = parts.map(
    (part, index) => part + (index < values.length ? textOf(values[index]) : ''),
  )
  return { markup: markup.join('') }
}

/** For what this program wrote itself, such as its style sheet. */
export const asMarkup = (markup: string): Markup => ({ markup })

function textOf(value: Value | undefined): string {
  if (typeof value === 'string') return value.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? '')
  if (typeof value === 'number') return String(value)
  if (value === undefined) return ''
  return 'markup' in value ? value.markup : value.map(({ markup }) => markup).join('')
}
