/** What a project can be made of. A feature's name is its overlay folder, its line marker and its flag. */
export type Features = Record<string, boolean>

/** Features with a flag of their own, `--x` and `--no-x`; all are on by default. */
export const switches = {
  upstream: 'an example tool that calls an HTTP API',
  stdio: 'the same tools over stdio, for local clients',
} as const

/** Features of which one is chosen, or none. The first value is the default. */
export const choices = {
  ci: { about: 'a workflow that checks the project', values: ['github', 'none'] },
  deploy: { about: 'a container image and how to run it', values: ['compose', 'none'] },
} as const

export type Switch = keyof typeof switches
export type Choice = keyof typeof choices

/** What was chosen; what is missing has its default. */
export type Selection = { [S in Switch]?: boolean } & { [C in Choice]?: string }

/** Every known feature, on or off. */
export function featuresOf(selection: Selection): Features {
  const features: Features = {}
  for (const name of Object.keys(switches) as Switch[]) features[name] = selection[name] ?? true
  for (const [name, { values }] of Object.entries(choices)) {
    const chosen = selection[name as Choice] ?? values[0]
    for (const value of values) if (value !== 'none') features[value] = value === chosen
  }
  return features
}
