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
    ...['ignore_scripts', 'pack_destination', 'user_agent'],
  ].map((name) => `npm_config_${name}`),
)
/** Set while git runs a hook: with them, git would work on the user's repository. */
const gitPlaces =
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|PREFIX|NAMESPACE)$/i

/**
 * The environment for commands in the new project: the user's, with registry, proxy and identity, without what an
 * outer npm or git set for its own run.
 */
export function cleanEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !npmOwn.test(name) && !npmSettings.has(name.toLowerCase()) && !gitPlaces.test(name),
  )
  return Object.fromEntries(kept)
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
