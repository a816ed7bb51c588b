import { describe, expect, it } from 'vitest'
import { cleanEnvironment, userDirectory } from '../src/environment.js'

describe('the environment of commands in the project', () => {
  it('has nothing of an outer npm run, workspace or git hook', () => {
    const outer = {
      npm_config_workspace: 'generators',
      npm_config_include_workspace_root: 'true',
      NPM_CONFIG_PREFIX: '/elsewhere',
      npm_config_local_prefix: '/clone',
      npm_config_omit: 'dev',
      npm_package_json: '/clone/package.json',
      npm_lifecycle_event: 'create',
      npm_command: 'run-script',
      INIT_CWD: '/clone',
      GIT_DIR: '/clone/.git',
      GIT_WORK_TREE: '/clone',
      GIT_INDEX_FILE: '/clone/.git/index',
    }
    expect(cleanEnvironment({ ...outer, PATH: '/bin' })).toEqual({ PATH: '/bin' })
  })

  it('keeps where the user gets packages from, and who they are', () => {
    const own = {
      npm_config_registry: 'https://registry.example.com',
      npm_config_userconfig: '/home/user/.npmrc',
      npm_config_cache: '/cache',
      NPM_CONFIG_HTTPS_PROXY: 'http://proxy',
      HTTPS_PROXY: 'http://proxy',
      GIT_AUTHOR_EMAIL: 'user@example.com',
      GIT_SSH_COMMAND: 'ssh',
      // A protection, which changes neither where nor what is installed.
      npm_config_ignore_scripts: 'true',
    }
    expect(cleanEnvironment(own)).toEqual(own)
  })
})

describe('where the user stands', () => {
  const run = {
    npm_command: 'run-script',
    npm_lifecycle_event: 'create',
    npm_package_json: '/clone/package.json',
    INIT_CWD: '/home/user',
  }

  it('is INIT_CWD in npm run create alone', () => {
    expect(userDirectory(run, '/clone')).toBe('/home/user')
    expect(userDirectory({}, '/clone')).toBe('/clone')
    expect(userDirectory({ ...run, npm_lifecycle_event: 'test' }, '/clone')).toBe('/clone')
    expect(userDirectory({ ...run, npm_command: 'exec' }, '/clone')).toBe('/clone')
    expect(userDirectory(run, '/tmp/elsewhere')).toBe('/tmp/elsewhere')
  })
})
