import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../templates/server/test/support/clients.js'
import { must } from './support/command.js'
import { build, configOf, lockedUp, needBases, noContainers } from './support/image/engine.js'
import { contextOf, filesOf, type ImageFiles } from './support/image/files.js'
import { type ImageProject, imageProject, planted } from './support/image/project.js'
import { startContainer } from './support/image/server.js'
import { endAll } from './support/rolling/child.js'

const MIB = 1024 * 1024
const tag = 'localhost/mcp-prod-test/image:test'
const labels = { VERSION: '1.2.3', REVISION: 'abcdef', CREATED: '2026-01-02T03:04:05Z' }
const source = 'https://git.example.com/my-server'

describe.skipIf(noContainers())(`the image of a generated server ${noContainers() ?? ''}`, () => {
  let project: ImageProject
  let files: ImageFiles
  beforeAll(async () => {
    await needBases()
    project = await imageProject()
    const args = Object.entries({ ...labels, SOURCE: source }).map(
      ([name, value]) => `--build-arg=${name}=${value}`,
    )
    const secret = `--secret=id=npmrc,src=${join(project.folder, '.npmrc')}`
    await build(project.folder, tag, [...args, secret])
    files = await filesOf(tag)
  }, 600_000)
  afterAll(async () => {
    await endAll()
    await files?.remove()
    await project?.remove()
  })

  it('starts node itself, as nobody in particular, and says what it is', async () => {
    const { User, Entrypoint, Cmd, Labels, ExposedPorts, Env, Healthcheck } = await configOf(tag)
    expect(User).toBe('65532:65532')
    expect(Entrypoint).toEqual(['/nodejs/bin/node'])
    expect(Cmd?.[0]).toBe('--enable-source-maps')
    expect(Object.keys(ExposedPorts ?? {}).sort()).toEqual(['8080/tcp', '8081/tcp'])
    expect(Env).toContain('NODE_ENV=production')
    expect(Healthcheck ?? null).toBeNull()
    expect(Labels).toMatchObject({
      'org.opencontainers.image.version': labels.VERSION,
      'org.opencontainers.image.revision': labels.REVISION,
      'org.opencontainers.image.created': labels.CREATED,
      'org.opencontainers.image.source': source,
    })
  })

  it('holds the compiled server and what it needs at run time, and nothing to attack or build with', () => {
    const paths = [...files.sizes.keys()]
    const own = paths.filter((path) => path.startsWith('app/'))
    expect(own).toContain('app/dist/main.js')
    expect(own).toContain('app/dist/main.js.map')
    expect(own).toContain('app/node_modules/@mcp-prod/shutdown/dist/early.js')
    expect(own.filter((path) => !/^app\/(dist|node_modules)\//.test(path))).toEqual([
      'app/package.json',
    ])
    expect(
      paths.filter((path) => /(^|\/)(sh|bash|dash|busybox|npm|npx|apt|tsc)$/.test(path)),
    ).toEqual([])
    const development = [
      'vitest',
      'typescript',
      '@biomejs',
      'tsx',
      'plop',
      'esbuild',
      '@types/node',
    ]
    for (const name of development)
      expect(
        own.filter((path) => path.includes(`/node_modules/${name}/`)),
        name,
      ).toEqual([])
    expect(own.filter((path) => /node_modules\/.*\.[cm]?ts$/.test(path))).toEqual([])
    // Whoever hands the image on hands on what is licensed.
    expect(own.filter((path) => /node_modules\/.*licen[cs]e/i.test(path)).length).toBeGreaterThan(
      50,
    )
    const bytes = own.reduce((sum, path) => sum + (files.sizes.get(path) ?? 0), 0)
    // 13.6 MiB when this was written; Node below it has 142.
    expect(bytes / MIB).toBeLessThan(20)
  })

  it('holds what its bill of materials says, no more and no less', async () => {
    const bill = JSON.parse(await must('npm', ['run', '--silent', 'sbom'], project.folder))
    const listed = bill.components.map(
      ({ name, version }: { name: string; version: string }) => `${name}@${version}`,
    )
    const { packages } = JSON.parse(await files.read('app/node_modules/.package-lock.json'))
    const held = Object.entries<{ version: string }>(packages).map(
      ([path, { version }]) => `${path.replace(/.*node_modules\//, '')}@${version}`,
    )
    expect(held.length).toBeGreaterThan(50)
    expect([...new Set(listed)].sort()).toEqual([...new Set(held)].sort())
  })

  it('has no secret that lies beside the sources, nor does the builder get to see one', async () => {
    const context = await contextOf(project.folder)
    expect(context).toContain('src/main.ts')
    expect(context.filter((path) => !/^(src|vendor)\//.test(path)).sort()).toEqual([
      'package-lock.json',
      'package.json',
      'tsconfig.build.json',
      'tsconfig.json',
    ])
    for (const path of [...Object.keys(planted), '.env', 'keys.json'])
      expect(context, path).not.toContain(path)
    expect(await files.holds('mcp-prod')).toBe(true)
    expect(await files.holds('canary-')).toBe(false)
    expect(await files.holds(project.key)).toBe(false)
    expect([...files.sizes.keys()].filter((path) => /\.npmrc$/.test(path))).toEqual([])
  })

  it('cannot write anywhere', async () => {
    const script = `for (const at of ['/', '/app', '/app/dist', '/tmp', '/home/nonroot', '/etc']) {
      try { fs.writeFileSync(at + '/x', ''); console.log(at) } catch (error) { console.log(error.code) }
    }`
    const said = await must('podman', [...lockedUp, tag, '-e', script], project.folder)
    expect(said.trim().split('\n')).toEqual(Array(6).fill('EROFS'))
  })

  it('runs without privileges in 256 MiB and half a CPU, answers a call, and ends the one in flight at SIGTERM', async () => {
    const server = await startContainer(tag, project)
    const pid = await server.pid()
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1]
    expect(field('Uid')?.split('\t')).toEqual(Array(4).fill('65532'))
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(field(set), set).toBe('0000000000000000')
    expect(field('NoNewPrivs')).toBe('1')
    expect(field('Seccomp')).toBe('2')
    const mounts = await readFile(`/proc/${pid}/mounts`, 'utf8')
    expect(mounts).toMatch(/^\S+ \/ \S+ ro,/m)

    const client = await connect(server.url, project.key)
    const mean = await client.callTool({
      name: 'summarize_numbers',
      arguments: { numbers: [1, 2, 3] },
    })
    expect(mean.structuredContent).toMatchObject({ mean: 2 })
    let working = () => {}
    const begun = new Promise<void>((resolve) => {
      working = resolve
    })
    const call = client.callTool(
      { name: 'countdown', arguments: { seconds: 3 } },
      { onprogress: () => working() },
    )
    await begun
    await server.signal('TERM')
    expect((await call).structuredContent).toEqual({ waitedSeconds: 3 })
    expect(await server.exited).toBe(0)
  })

  it('believes its limits: the heap fits into the memory, and a tool that wants it all ends this process alone', async () => {
    const server = await startContainer(tag, project)
    const resources = JSON.parse(server.lines.find((it) => it.includes('"resources"')) ?? '{}')
    expect(resources).toMatchObject({ cpuQuota: 0.5, memoryLimitBytes: 256 * MIB })
    expect(resources.heapLimitBytes).toBeLessThan(208 * MIB)
    const client = await connect(server.url, project.key)
    await expect(client.callTool({ name: 'hoard', arguments: {} })).rejects.toThrow()
    // V8's own end, with its reason in the log; the kernel's would be 137 without a word. Process 1 cannot abort (134).
    expect([134, 139]).toContain(await server.exited)
    expect(server.lines.join('\n')).toMatch(/heap out of memory/)
  })

  it('names lines of the sources in a stack', async () => {
    const settings = [
      'LOG_LEVEL=debug',
      'API_KEYS_FILE=/keys.json',
      'HOST=192.0.2.1',
      'ADMIN_PORT=0',
    ]
    const options = [
      `--volume=${join(project.folder, 'keys.json')}:/keys.json:ro`,
      ...settings.map((setting) => `--env=${setting}`),
    ]
    // There is no such address here, and so it ends with 1.
    const words = ['sh', 'podman', ...lockedUp, ...options, tag]
    const child = await must('sh', ['-c', '"$@"; [ $? = 1 ]', ...words], project.folder)
    expect(child).toMatch(/\/app\/src\/[\w-]+\.ts:\d+:\d+\)/)
  })
})
