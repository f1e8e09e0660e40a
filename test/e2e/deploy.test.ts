// The files of deploy/ and the Dockerfile, as far as they can be proved without an engine that runs them: their
// grammar, by the programs that read them where those are here, and that they name nothing that does not exist.
import { execSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { SETTING_GROUPS } from '../../server/config/settings.ts'
import { rememberSecret } from '../fake-provider/fake-keys.ts'
import { type NginxFront, nginxIsHere, startNginx } from '../support/nginx.ts'
import { findFreePort } from '../support/redis-server.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const UNIT = 'deploy/systemd/uniroute@.service'
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const SETTINGS = new Set(SETTING_GROUPS.flatMap(({ settings }) => Object.keys(settings)))
/** The environment of Node itself and of systemd. */
const OTHERS = new Set(['NODE_COMPILE_CACHE'])

const expectSettings = (names: readonly string[]): void => {
  expect(names.length).toBeGreaterThan(0)
  const unknown = names.filter((name) => !SETTINGS.has(name.replace(/_FILE$/, '')) && !SETTINGS.has(name))
  expect(unknown.filter((name) => !OTHERS.has(name))).toEqual([])
}

function useScratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-deploy-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const isHere = (command: string): boolean => spawnSync(command, ['--version']).error === undefined

interface Container {
  readonly env: readonly { readonly name: string }[]
  readonly securityContext: Readonly<Record<string, unknown>>
}
interface Workload {
  readonly kind: string
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } }
}

interface Service {
  readonly environment?: Readonly<Record<string, string>>
  readonly cap_drop?: readonly string[]
  readonly read_only?: boolean
  readonly volumes?: readonly string[]
  readonly networks?: { readonly inside: { readonly ipv4_address: string } }
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly secrets: Readonly<Record<string, unknown>>
}
const readCompose = (): Compose => parse(read('deploy/compose/compose.yaml'), { merge: true }) as Compose
const listInstances = (services: Compose['services']): string[] =>
  Object.keys(services).filter((name) => name.startsWith('uniroute-'))

describe('the image', () => {
  const lines = read('Dockerfile')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))

  test('is built from the lockfile, without install scripts, on pinned bases', () => {
    expect(lines.filter((line) => line.startsWith('RUN npm'))).toContain('RUN npm ci --ignore-scripts --no-audit')
    const bases = lines.filter((line) => line.startsWith('FROM '))
    expect(bases.map((line) => line.split(' ')[1]!.split(':')[1])).toEqual([
      expect.stringMatching(/^26\.\d+-/),
      expect.stringMatching(/^26\.\d+-/),
    ])
  })

  test('runs without rights, is told to stop by its own signal, and says whether it is well', () => {
    expect(last).toContain('USER node')
    expect(last.indexOf('USER node')).toBeGreaterThan(last.findIndex((line) => line.startsWith('COPY')))
    expect(last.find((line) => line.startsWith('ENTRYPOINT'))).toMatch(/^ENTRYPOINT \["node",.*cli\.js"\]$/)
    expect(last.some((line) => line.startsWith('HEALTHCHECK'))).toBe(true)
    const env = last
      .find((line) => line.startsWith('ENV '))!
      .slice(4)
      .split(' ')
    expectSettings(env.map((pair) => pair.split('=')[0]!))
  })

  test('starts with the flags of the launcher, and gives memory back as it does', async () => {
    const flags = last.find((line) => line.startsWith('ENTRYPOINT'))!.match(/--[a-z0-9-]+/g)!
    expect(flags.length).toBeGreaterThan(0)
    for (const flag of flags) expect(read('scripts/runtime.mjs')).toContain(flag)
    const { MALLOC_LIMITS } = (await import(new URL('scripts/runtime.mjs', pathToFileURL(ROOT)).href)) as {
      MALLOC_LIMITS: Readonly<Record<string, string>>
    }
    const limits = Object.entries(MALLOC_LIMITS).map(([name, bytes]) => `${name}=${bytes}`)
    expect(limits.length).toBeGreaterThan(0)
    expect(last.filter((line) => line.startsWith('ENV ')).join(' ')).toContain(limits.join(' '))
  })
})

describe('what the guide makes', () => {
  /** The commands of one chapter. */
  const commandsOf = (chapter: string): string =>
    new RegExp(`^## ${chapter}\n[^]*?\`\`\`sh\n([^]*?)\`\`\``, 'm').exec(read('docs/deploy.md'))![1]!

  test('for Compose: the secrets that the file wants, in a folder that neither git nor an image takes up', () => {
    const folder = useScratch()
    const commands = commandsOf('Compose').split('\n')
    const made = commands.slice(
      0,
      commands.findIndex((line) => line.startsWith('cd ../')),
    )
    execSync(made.join('\n'), { cwd: folder, shell: '/bin/sh' })
    const secrets = join(folder, 'deploy/compose/secrets')
    const wanted = Object.values(readCompose().secrets) as { file: string }[]
    expect(readdirSync(secrets).toSorted()).toEqual(wanted.map(({ file }) => basename(file)).toSorted())
    expect(statSync(secrets).mode & 0o077).toBe(0)
    const url = new URL(readFileSync(join(secrets, 'database_url'), 'utf8'))
    expect(url.password).toBe(readFileSync(join(secrets, 'postgres_password'), 'utf8').trim())
    expect(read('.gitignore').split('\n')).toEqual(expect.arrayContaining(['deploy/compose/secrets/', '*.env']))
    expect(read('.dockerignore').split('\n')).toEqual(expect.arrayContaining(['deploy/compose/secrets', '**/*.env']))
  })

  test('for Kubernetes and systemd: the secrets that the files read', () => {
    const manifest = read('deploy/kubernetes/uniroute.yaml')
    const wanted = [...manifest.matchAll(/value: \/run\/secrets\/uniroute\/(\w+)/g)].map((found) => found[1])
    const made = [...commandsOf('Kubernetes').matchAll(/--from-literal=(\w+)=/g)].map((found) => found[1])
    expect(made.toSorted()).toEqual(wanted.toSorted())
    const loaded = [...read(UNIT).matchAll(/^LoadCredential=\w+:(\S+)$/gm)].map((found) => found[1])
    const written = [...commandsOf('As a service').matchAll(/> (\/etc\/uniroute\/\w+)$/gm)].map((found) => found[1])
    expect(written.toSorted()).toEqual(loaded.toSorted())
  })

  test('is of this version, and lies where the files say', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string }
    expect(read('deploy/kubernetes/uniroute.yaml')).toContain(`image: uniroute:${version}\n`)
    const unit = read(UNIT)
    const installed = /^ExecStart=(.*)\/\.bin\/uniroute /m.exec(unit)![1]
    expect(unit).toContain(`Documentation=file://${installed}/uniroute/README.md\n`)
  })
})

describe('the examples', () => {
  test('for compose: every setting exists, and nothing runs with more rights than it needs', () => {
    const file = readCompose()
    expect(listInstances(file.services)).toHaveLength(2)
    for (const service of listInstances(file.services).map((name) => file.services[name]!)) {
      expectSettings(Object.keys(service.environment!))
      expect(service).toMatchObject({ cap_drop: ['ALL'], read_only: true })
      const files = Object.values(service.environment!).filter((value) => value.startsWith('/run/secrets/'))
      expect(files.map((path) => path.slice('/run/secrets/'.length)).filter((name) => !(name in file.secrets))).toEqual(
        [],
      )
    }
  })

  test('for Kubernetes: every setting exists, and the container has no rights', () => {
    const documents = parseAllDocuments(read('deploy/kubernetes/uniroute.yaml'))
    expect(documents.flatMap((document) => ('errors' in document ? document.errors : []))).toEqual([])
    const workload = documents
      .map((document) => document.toJS() as Workload)
      .find(({ kind }) => kind === 'StatefulSet')!
    const [container] = workload.spec.template.spec.containers
    expectSettings(container!.env.map(({ name }) => name))
    expect(container!.securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true })
  })

  test('for systemd: every setting exists, and each instance has a port and folders of its own', () => {
    const unit = read(UNIT)
    const names = [...unit.matchAll(/^(?:Environment|LoadCredential)=([A-Z_]+)[=:]/gm)].map((found) => found[1]!)
    expectSettings(names)
    expect(names).toEqual(expect.arrayContaining(['PORT', 'DATA_DIR']))
    for (const [line] of unit.matchAll(/^.*(?:Directory=|\/var\/|PORT=).*$/gm)) expect(line).toMatch(/[=/]%i$/)
  })

  test('for systemd: the rolling restart restarts these units, one after the other, when the one before is ready', () => {
    const folder = useScratch()
    const said = join(folder, 'said')
    for (const [name, words] of [
      ['systemctl', `echo "$@" >>${said}; cat ${folder}/servers >>${said}`],
      [
        'curl',
        `[ -e ${folder}/tried ] || { touch ${folder}/tried; exit 22; }; echo "$4" >>${said}; rm ${folder}/tried`,
      ],
      ['sleep', 'exit 0'],
    ] as const) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${words}\n`, { mode: 0o755 })
    }
    const script = join(ROOT, 'docs/recipes/nginx/rolling-restart.sh')
    const env = { PATH: `${folder}:${process.env['PATH']}`, SERVERS_FILE: join(folder, 'servers'), RELOAD: 'true' }
    const { status } = spawnSync(script, ['127.0.0.1:8084', '127.0.0.1:8085'], { env })
    expect(status).toBe(0)
    const unit = (port: number): string => basename(UNIT, '.service') + port
    expect(readFileSync(said, 'utf8').split('\n')).toEqual([
      `restart ${unit(8084)}`,
      'server 127.0.0.1:8084 down;',
      'server 127.0.0.1:8085;',
      'http://127.0.0.1:8084/ready',
      `restart ${unit(8085)}`,
      'server 127.0.0.1:8084;',
      'server 127.0.0.1:8085 down;',
      'http://127.0.0.1:8085/ready',
      '',
    ])
    expect(readFileSync(join(folder, 'servers'), 'utf8')).not.toContain('down')
  })

  test.skipIf(!isHere('systemd-analyze'))('for systemd: the unit is one (needs systemd-analyze)', () => {
    const folder = useScratch()
    const unit = read(UNIT).replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`)
    writeFileSync(join(folder, basename(UNIT)), unit)
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', join(folder, basename(UNIT))], {
      encoding: 'utf8',
    })
    expect(stderr.split('\n').filter((line) => line.includes('uniroute'))).toEqual([])
    expect(status).toBe(0)
  })

  test('for compose: nginx has the recipe, with the servers that are there', () => {
    const { services } = readCompose()
    const { volumes, networks } = services['nginx']!
    const mounts = new Map(volumes!.map((mount) => mount.split(':') as [string, string]))
    for (const from of mounts.keys()) expect(existsSync(join(ROOT, 'deploy/compose', from))).toBe(true)
    const recipe = read('docs/recipes/nginx/uniroute.conf')
    const included = /include (\S+);/.exec(recipe)![1]!
    expect([...mounts.values()].map((to) => to.replace(/:ro$/, ''))).toEqual([
      '/etc/nginx/conf.d/default.conf',
      included,
    ])
    expect(recipe).toContain('listen 80;')
    const servers = [...read('deploy/compose/uniroute-servers.conf').matchAll(/^server (\S+):8084;$/gm)]
    expect(servers.map((found) => found[1])).toEqual(listInstances(services))
    for (const name of listInstances(services)) {
      expect(services[name]!.environment!['TRUST_PROXY']).toBe(networks!.inside.ipv4_address)
    }
  })
})

describe.skipIf(!nginxIsHere)('the recipe in a real nginx (needs nginx)', () => {
  async function listen(serve: RequestListener): Promise<string> {
    const server = createServer(serve).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void [server.closeAllConnections(), server.close()])
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async function start(servers: readonly string[]): Promise<NginxFront & { readonly url: string }> {
    const front = await startNginx(useScratch(), servers)
    return { ...front, url: `http://127.0.0.1:${front.port}` }
  }

  test('a call that may have reached an instance is not made again: what is made twice is paid twice', async () => {
    let calls = 0
    const breaks: RequestListener = (request) => {
      calls++
      request.resume().once('end', () => request.socket.destroy())
    }
    const nginx = await start([await listen(breaks), await listen(breaks)])
    expect((await fetch(`${nginx.url}/v1/messages`, { method: 'POST', body: '{}' })).status).toBe(502)
    await nginx.stop()
    expect(calls).toBe(1)
  })

  test('a call that reached no instance goes to the next', async () => {
    const gone = `127.0.0.1:${await findFreePort()}`
    const nginx = await start([gone, await listen((_request, response) => response.end('here'))])
    for (const _twice of [1, 2]) {
      const response = await fetch(`${nginx.url}/v1/messages`, { method: 'POST', body: '{}' })
      expect([response.status, await response.text()]).toEqual([200, 'here'])
    }
    await nginx.stop()
  })

  test('a key in a query stands in no log, whatever became of the call; /metrics stays inside', async () => {
    const key = rememberSecret('ur_in_a_query_of_gemini_clients')
    const path = '/v1beta/models/gemini-2.5-pro:generateContent'
    const nginx = await start([await listen((_request, response) => response.end('here'))])
    expect((await fetch(`${nginx.url}${path}?key=${key}`, { method: 'POST', body: '{}' })).status).toBe(200)
    writeFileSync(nginx.serversFile, `server 127.0.0.1:${await findFreePort()};\n`)
    execSync(nginx.reload)
    await expect.poll(async () => (await fetch(`${nginx.url}${path}?key=${key}`)).status).toBe(502)
    expect((await fetch(`${nginx.url}/metrics?key=${key}`)).status).toBe(404)
    const errors = (await nginx.stop()).join('\n')
    expect(nginx.readLog()).toMatch(/"POST \S+:generateContent HTTP\/1\.1" 200 4 \S+ 127\.0\.0\.1:\d+ 200\n/)
    expect(nginx.readLog()).toMatch(/"GET \S+:generateContent HTTP\/1\.1" 502 /)
    expect(nginx.readLog() + errors).not.toContain(key)
  })
})
