import { type Texts, textOf } from './rendered.js'

export interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { h: number; w: number; x: number; y: number }
  links?: { title: string; url: string }[]
  fieldConfig?: { defaults: { unit?: string } }
  targets?: { expr: string; refId: string }[]
}

export interface Dashboard {
  schemaVersion: number
  panels: Panel[]
  templating: { list: { name: string; query: string | { query: string } }[] }
}

export const dashboardOf = (texts: Texts): Dashboard =>
  JSON.parse(textOf(texts, 'deploy/grafana/dashboard.json'))

/** Panels that show something: all but the titles of rows. */
export const shownOf = ({ panels }: Dashboard): Panel[] =>
  panels.filter(({ type }) => type !== 'row')

/** Every query of a dashboard, by the title of its panel. */
export const queriesOf = (dashboard: Dashboard): { title: string; expr: string }[] =>
  shownOf(dashboard).flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  )

/** A query as Grafana sends it when all of each variable is chosen. */
export function substituted(expr: string, rateInterval: string): string {
  return expr
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll(/"\$(job|instance|tool)"/g, '".*"')
}
