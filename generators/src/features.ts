/** What a project can be made of. A feature's name is its overlay folder and its line marker. */
export type Features = Record<string, boolean>

/** Features with a flag of their own, `--x` and `--no-x`. */
export const switches = {
  upstream: { about: 'an example tool that calls an HTTP API', default: true },
  stdio: { about: 'the same tools over stdio, for local clients', default: true },
  postgres: { about: 'a PostgreSQL pool and an example tool that queries it', default: false },
  redis: { about: 'limits shared in Redis, and tools that keep notes', default: false },
  tracing: { about: 'OpenTelemetry traces, exported by OTLP', default: false },
} as const

/**
 * Flags with a value, which names the feature it turns on: none with `none`, several with `+`, by the alphabet. The
 * first value is the default.
 */
export const choices = {
  auth: {
    about: 'how clients authenticate, with API keys or OAuth tokens',
    values: ['apikey', 'jwt', 'introspection', 'apikey+jwt'],
  },
  ci: { about: 'a workflow that checks the project', values: ['github', 'none'] },
  deploy: { about: 'a container image and how to run it', values: ['compose', 'none'] },
} as const

/** What a feature turns on with itself, to be laid below it. */
const needs: Record<string, string> = { jwt: 'oauth', introspection: 'oauth' }

/** Where any of them is on, `databases` is: nobody's choice, but templates have lines for it. */
export const knownDatabases = ['postgres', 'redis'] as const

export type Switch = keyof typeof switches
export type Choice = keyof typeof choices

/** What was chosen; what is missing has its default. */
export type Selection = { [S in Switch]?: boolean } & { [C in Choice]?: string }

/** Every known feature, on or off, in the order of the overlays: a later one may replace files of an earlier. */
export function featuresOf(selection: Selection): Features {
  const features: Features = {}
  for (const name of Object.keys(switches) as Switch[]) {
    features[name] = selection[name] ?? switches[name].default
  }
  for (const [name, { values }] of Object.entries(choices)) {
    const chosen = featuresIn(selection[name as Choice] ?? values[0])
    for (const feature of values.flatMap(featuresIn)) features[feature] = chosen.includes(feature)
  }
  features.databases = knownDatabases.some((name) => features[name])
  return features
}

function featuresIn(value: string): string[] {
  const named = value === 'none' ? [] : value.split('+')
  return named.flatMap((name) => (needs[name] ? [needs[name], name] : [name]))
}
