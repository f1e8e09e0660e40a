// The files of deploy/ and the Dockerfile, as far as they can be proved without an engine that runs them: their grammar,
// by the programs that read them where those are here, and that they name nothing that does not exist.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { SETTING_GROUPS } from '../../server/config/settings.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
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

  test('starts with the flags of the launcher', () => {
    const flags = last.find((line) => line.startsWith('ENTRYPOINT'))!.match(/--[a-z0-9-]+/g)!
    expect(flags.length).toBeGreaterThan(0)
    for (const flag of flags) expect(read('scripts/runtime.mjs')).toContain(flag)
  })
})

describe('the examples', () => {
  test('for compose: every setting exists, and nothing runs with more rights than it needs', () => {
    const file = parse(read('deploy/compose/compose.yaml'), { merge: true }) as {
      services: Record<string, { environment?: Record<string, string>; cap_drop?: string[]; read_only?: boolean }>
      secrets: Record<string, unknown>
    }
    const instances = Object.entries(file.services).filter(([name]) => name.startsWith('uniroute-'))
    expect(instances).toHaveLength(2)
    for (const [, service] of instances) {
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

  test('for systemd: every setting exists', () => {
    const unit = read('deploy/systemd/uniroute.service')
    const names = [...unit.matchAll(/^(?:Environment|LoadCredential)=([A-Z_]+)[=:]/gm)].map((found) => found[1]!)
    expectSettings(names)
  })

  test.skipIf(!isHere('systemd-analyze'))('for systemd: the unit is one (needs systemd-analyze)', () => {
    const folder = useScratch()
    const unit = read('deploy/systemd/uniroute.service').replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`)
    writeFileSync(join(folder, 'uniroute.service'), unit)
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', join(folder, 'uniroute.service')], {
      encoding: 'utf8',
    })
    expect(stderr.split('\n').filter((line) => line.includes('uniroute.service'))).toEqual([])
    expect(status).toBe(0)
  })

  // Without root it may not look into its own folders.
  const canAskNginx = existsSync('/usr/sbin/nginx') && process.getuid?.() === 0
  test.skipIf(!canAskNginx)('for nginx: the configuration is one (needs nginx and root)', () => {
    const folder = useScratch()
    const file = join(folder, 'nginx.conf')
    writeFileSync(
      file,
      `pid ${folder}/pid;\n${read('deploy/compose/nginx.conf')
        .replaceAll(/uniroute-\d:/g, '127.0.0.1:')
        .replace('/dev/stdout', `${folder}/access.log`)}`,
    )
    const { status, stderr } = spawnSync('/usr/sbin/nginx', ['-t', '-q', '-c', file, '-p', folder], {
      encoding: 'utf8',
    })
    expect([status, stderr.replaceAll(/^nginx: \[alert\] could not open error log.*\n/gm, '')]).toEqual([0, ''])
  })
})
