import { html, type Markup } from './markup.js'
import type { Scale } from './scales.js'

const WIDTH = 460
const HEIGHT = 310
const LEFT = 62
const RIGHT = 44
const TOP = 26
const BOTTOM = 46

export interface Line {
  /** Its label at the end, and its class in the style sheet. */
  name: string
  className: string
  points: readonly { x: number; y: number }[]
  /** Of the run before: dashed, without points and label. */
  isLast?: boolean
}

export interface Plot {
  id: string
  title: string
  description: string
  x: { label: string; scale: Scale }
  y: { label: string; scale: Scale; shown: (value: number) => string }
  lines: readonly Line[]
  /** A level that must not be passed. */
  bound?: { y: number; label: string }
  /** Where the ramp ended. */
  end?: { x: number; label: string }
}

const px = (value: number) => Number(value.toFixed(1))

/** An SVG picture of some lines, which needs no script. */
export function plotOf(plot: Plot): Markup {
  const { id, title, description, lines } = plot
  const at = placesOf(plot)
  const drawn = lines.toSorted((a, b) => Number(b.isLast ?? false) - Number(a.isLast ?? false))
  return html`<svg id="${id}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">${title}</title><desc id="${id}-d">${description}</desc>
${axes(plot, at)}${marks(plot, at)}${drawn.map((line) => lineOf(line, plot, at))}${labels(plot, at)}
</svg>`
}

interface Places {
  x(value: number): number
  y(value: number): number
}

function placesOf({ x, y }: Plot): Places {
  return {
    x: (value) => px(LEFT + x.scale.at(value) * (WIDTH - LEFT - RIGHT)),
    y: (value) => px(HEIGHT - BOTTOM - y.scale.at(value) * (HEIGHT - TOP - BOTTOM)),
  }
}

function axes({ x, y }: Plot, at: Places): Markup {
  const across = y.scale.ticks.map(
    (
      tick,
    ) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at.y(tick)}" y2="${at.y(tick)}"/>
<text class="tick" x="${LEFT - 8}" y="${at.y(tick) + 4}" text-anchor="end">${y.shown(tick)}</text>`,
  )
  const along = x.scale.ticks.map(
    (tick) =>
      html`<text class="tick" x="${at.x(tick)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${tick}</text>`,
  )
  return html`${across}${along}
<text class="axis" x="${LEFT - 8}" y="14" text-anchor="start" dx="-46">${y.label}</text>
<text class="axis" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${x.label}</text>`
}

function marks({ bound, end }: Plot, at: Places): Markup {
  const level = bound && at.y(bound.y)
  const place = end && at.x(end.x)
  return html`${
    bound && level !== undefined
      ? html`<line class="bound" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${level}" y2="${level}"/>
<text class="mark" x="${LEFT + 6}" y="${px(level - 5)}">${bound.label}</text>`
      : ''
  }${
    end && place !== undefined
      ? html`<line class="end" x1="${place}" x2="${place}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>
<text class="mark" x="${place}" y="${TOP - 6}" text-anchor="middle">${end.label}</text>`
      : ''
  }`
}

function lineOf({ name, className, points, isLast }: Line, plot: Plot, at: Places): Markup {
  const path = points.map(({ x, y }) => `${at.x(x)},${at.y(y)}`).join(' ')
  const dots = points.map(
    ({ x, y }) =>
      html`<circle class="${className}" cx="${at.x(x)}" cy="${at.y(y)}" r="4" data-line="${name}" data-x="${x}" data-y="${y}"><title>${name}, ${x} ${plot.x.label}: ${plot.y.shown(y)}</title></circle>`,
  )
  return html`<polyline class="${className}${isLast ? ' last' : ''}" points="${path}"/>${isLast ? '' : dots}`
}

/** At the end of each line its name; where two would touch, the lower gives way. */
function labels({ lines }: Plot, at: Places): Markup {
  const ends = lines
    .filter((line) => !line.isLast && line.points.length > 0)
    .flatMap((line) => {
      const last = line.points.at(-1)
      return last ? [{ line, x: at.x(last.x), y: at.y(last.y) }] : []
    })
    .sort((a, b) => a.y - b.y)
  let lowest = Number.NEGATIVE_INFINITY
  const texts = ends.map(({ line, x, y }) => {
    lowest = Math.max(y, lowest + 15)
    return html`<text class="name ${line.className}" x="${px(x + 9)}" y="${px(lowest + 4)}">${line.name}</text>`
  })
  return html`${texts}`
}
