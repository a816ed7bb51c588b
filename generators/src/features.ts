/** What a project can be made of. A feature's name is its overlay folder and its line marker. */
export type Features = Record<string, boolean>

/** Features with a flag of their own, `--x` and `--no-x`. */
export const switches = {
  upstream: { about: 'an example tool that calls an HTTP API', default: true },
  stdio: { about: 'the same tools over stdio, for local clients', default: true },
  postgres: { about: 'a PostgreSQL pool and an example tool that queries it', default: false },
  redis: { about: 'limits shared in Redis, and tools that keep notes', default: false },
  tracing: { about: 'OpenTelemetry traces, exported by OTLP', default: false },
  sessions: {
    about: 'sessions for clients of 2025: sampling, elicitation, streams that resume',
    default: false,
  },
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
  sdk: {
    about:
      "the MCP SDK's line: v2 speaks 2026-07-28 and the revisions before, v1 those before alone",
    values: ['v2', 'v1'],
  },
  ci: { about: 'a workflow that checks the project', values: ['github', 'gitlab', 'none'] },
  deploy: {
    about: 'a container image and how to run it',
    values: ['kubernetes', 'compose', 'none'],
  },
} as const

/** What a feature turns on with itself, to be laid below it. */
const needs: Record<string, string> = {
  jwt: 'oauth',
  introspection: 'oauth',
  kubernetes: 'compose',
}

/** Where any of them is on, `databases` is: nobody's choice, but templates have lines for it. */
export const knownDatabases = ['postgres', 'redis'] as const

export type Switch = keyof typeof switches
export type Choice = keyof typeof choices

/** What was chosen; what is missing has its default. */
export type Selection = { [S in Switch]?: boolean } & { [C in Choice]?: string }

/** Every choice and switch, each with the value it has in a project. */
export type Options = Record<string, boolean | string>

/** By the alphabet, so that a new one does not move the others. */
export function optionsOf(selection: Selection): Options {
  const options: Options = {}
  for (const name of [...Object.keys(choices), ...Object.keys(switches)].sort()) {
    options[name] =
      selection[name as keyof Selection] ??
      (name in switches ? switches[name as Switch].default : choices[name as Choice].values[0])
  }
  return options
}

/** A choice's value as it is kept, `apikey+jwt` for `jwt+apikey`, or undefined when there is none of this name. */
export function choiceValue(name: Choice, given: string): string | undefined {
  const value = given.split('+').sort().join('+')
  return choices[name].values.find((known) => known === value)
}

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
