import { join } from 'node:path'

/** What npm's own runs and an enclosing workspace put there, and what would change where or what is installed. */
const npmOwn =
  /^(npm_package_|npm_lifecycle_|npm_command$|npm_execpath$|npm_node_execpath$|init_cwd$)/i
const npmSettings = new Set(
  [
    ...[
      'workspace',
      'workspaces',
      'include_workspace_root',
      'workspaces_update',
      'local_prefix',
      'prefix',
    ],
    ...[
      'global',
      'location',
      'dry_run',
      'package',
      'call',
      'yes',
      'package_lock',
      'package_lock_only',
    ],
    ...[
      'omit',
      'include',
      'only',
      'also',
      'production',
      'dev',
      'optional',
      'save',
      'save_exact',
      'force',
    ],
    ...[
      'install_strategy',
      'install_links',
      'global_style',
      'legacy_bundling',
      'if_present',
      'json',
    ],
    ...['pack_destination', 'user_agent'],
  ].map((name) => `npm_config_${name}`),
)
/** Set while git runs a hook: with them, git would work on the user's repository. */
const gitPlaces =
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|PREFIX|NAMESPACE)$/i

/** Yarn 1 hands its own registry on as if the user had chosen it. */
const yarnRegistry = /^https?:\/\/registry\.yarnpkg\.com\/?$/
/** A hook of Yarn's, in NODE_OPTIONS, by which a program started by `yarn dlx` finds its packages and no others. */
const yarnHook = /(--require|--experimental-loader)[ =]("[^"]*\.pnp\.[^"]*"|\S*\.pnp\.\S*)/g

/**
 * The environment for commands in the new project: the user's, with registry, proxy and identity, without what an
 * outer npm or git set for its own run.
 */
export function cleanEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name, value = '']) =>
      !npmOwn.test(name) &&
      !npmSettings.has(name.toLowerCase()) &&
      !gitPlaces.test(name) &&
      !(name.toLowerCase() === 'npm_config_registry' && yarnRegistry.test(value)),
  )
  const clean = Object.fromEntries(kept)
  if (env.NODE_OPTIONS) clean.NODE_OPTIONS = env.NODE_OPTIONS.replace(yarnHook, '').trim()
  return clean
}

/**
 * Where the user stands. `npm run create` moves to the clone's root and says in INIT_CWD where it was called; any
 * other run takes the working directory.
 */
export function userDirectory(
  env: NodeJS.ProcessEnv = process.env,
  cwd: string = process.cwd(),
): string {
  const byNpmRun = env.npm_command === 'run-script' && env.npm_lifecycle_event === 'create'
  return byNpmRun && env.npm_package_json === join(cwd, 'package.json') && env.INIT_CWD
    ? env.INIT_CWD
    : cwd
}
