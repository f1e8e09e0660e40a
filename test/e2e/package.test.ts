// The package as it would be published, installed in an empty folder without the network: one package and nothing else,
// and it serves, shows the dashboard, pays with the user's key and opens what it sealed.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { marked } from 'marked'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { runCommandLine } from '../support/command-line.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

interface Materials {
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } }
  readonly components: readonly {
    readonly name: string
    readonly version: string
    readonly scope: string
    readonly licenses?: readonly (
      { readonly license: { readonly id?: string; readonly name?: string } } | { readonly expression: string }
    )[]
  }[]
}

const BUILD = fileURLToPath(new URL('../../scripts/build-package.ts', import.meta.url))
/** Where one begins in THIRD_PARTY_LICENSES. */
const HEAD = /(?:^|\n-{80}\n)(@?[\w./-]+) (\d+\.\d+\.\d+\S*) \(/g

let root: string
let installed: string
let materials: Materials
let fake: FakeProvider
let uniroute: UniRoute

function run(command: string, words: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'uniroute-package-'))
  const packed = run(process.execPath, [BUILD], root).trim()
  materials = JSON.parse(readFileSync(packed.replace(/\.tgz$/, '.cdx.json'), 'utf8')) as Materials
  writeFileSync(join(root, 'package.json'), '{"private":true}')
  run('npm', ['install', packed, '--offline', '--omit=optional', '--ignore-scripts', '--no-audit'], root)
  installed = join(root, 'node_modules', 'uniroute')
  fake = await startFakeProvider()
  const dataDir = join(root, 'data')
  mkdirSync(dataDir)
  uniroute = await startUniRoute({ fake, dataDir, program: join(installed, 'server', 'main.js') })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  if (root) rmSync(root, { recursive: true, force: true })
})

test('is one package without dependencies, sources or install scripts, with the licences of what it bundles', () => {
  const others = readdirSync(join(root, 'node_modules')).filter((name) => !name.startsWith('.'))
  expect(others).toEqual(['uniroute'])
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
  expect(files.filter((path) => /\.(ts|vue)$|\.test\./.test(path))).toEqual([])
  const described = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Record<string, unknown>
  expect(Object.keys(described)).not.toContain('scripts')
  expect(Object.keys(described)).not.toContain('dependencies')
  const licences = readFileSync(join(installed, 'THIRD_PARTY_LICENSES'), 'utf8')
  for (const name of ['undici', 'pg', 'kysely', 'jose', 'pino', 'zod'])
    expect(licences).toMatch(new RegExp(`^${name} `, 'm'))
})

test('no link in its documents leads to what did not come along', () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.md'))
  expect(files).toEqual(expect.arrayContaining(['README.md', 'THREAT_MODEL.md', join('docs', 'README.md')]))
  const links = files.flatMap((file) => {
    const all: { file: string; href: string }[] = []
    marked.walkTokens(marked.lexer(readFileSync(join(installed, file), 'utf8')), (token) => {
      if (token.type === 'link' || token.type === 'image') all.push({ file, href: String(token['href']) })
    })
    return all.filter(({ href }) => !/^(?:[a-z]+:|#)/.test(href))
  })
  // The README still leads to the documents.
  expect(links.filter(({ file }) => file === 'README.md').length).toBeGreaterThan(15)
  const lost = links.filter(({ file, href }) => {
    const [path = ''] = decodeURI(href).split('#')
    return !existsSync(join(installed, dirname(file), path))
  })
  expect(lost).toEqual([])
})

test('its bill of materials names what is inside and the Node that may come along, each with a licence, and no tool', () => {
  const source = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Record<
    'dependencies' | 'devDependencies' | 'optionalDependencies',
    Record<string, string>
  > & { version: string }
  const namesOf = (packages: Record<string, string>): string[] =>
    Object.entries(packages).map(([name, version]) => `${name}@${version}`)
  const listed = materials.components.map(({ name, version }) => `${name}@${version}`)
  expect(materials.metadata.component).toMatchObject({ name: 'uniroute', version: source.version })
  expect(listed).toEqual(expect.arrayContaining(namesOf(source.dependencies)))
  expect(listed).toEqual(expect.arrayContaining(namesOf(source.optionalDependencies)))
  for (const { name, licenses = [] } of materials.components) {
    expect(licenses, name).not.toEqual([])
    for (const one of licenses) {
      expect('expression' in one ? one.expression : (one.license.id ?? one.license.name), name).toMatch(/\w/)
    }
  }
  // The licences of the same packages are in the package, those of the Nodes in their own.
  const heads = [...readFileSync(join(installed, 'THIRD_PARTY_LICENSES'), 'utf8').matchAll(HEAD)].map(
    ([, name, version]) => `${name}@${version}`,
  )
  const beside = namesOf(source.optionalDependencies)
  expect(listed.filter((name) => !beside.includes(name)).toSorted()).toEqual([...new Set(heads)].toSorted())
  const shown = ['vue', 'vue-router', 'vue-i18n', 'vue-chartjs', 'chart.js', 'pinia', '@pinia/colada', 'reka-ui']
  const styles = ['tailwindcss', '@lucide/vue']
  const texts = ['marked', '@intlify/message-compiler', '@zxcvbn-ts/language-common']
  const parts = [...shown, ...styles, ...texts]
  const tools = Object.keys(source.devDependencies).filter((name) => !parts.includes(name))
  expect(tools).toEqual(expect.arrayContaining(['typescript', 'vite', 'vitest', 'rolldown', 'prettier']))
  expect(materials.components.map(({ name }) => name).filter((name) => tools.includes(name))).toEqual([])
  expect(JSON.stringify(materials)).not.toContain('development')
  const optional = materials.components.filter(({ scope }) => scope !== 'required')
  expect(optional.map(({ name }) => name).toSorted()).toEqual(Object.keys(source.optionalDependencies).toSorted())
})

test('what its documents for operators link to, and what its program refers to, is there', () => {
  const documents = readdirSync(join(installed, 'docs')).filter((name) => name.endsWith('.md'))
  expect(documents).toEqual(expect.arrayContaining(['rotation.md', 'configuration.md', 'operations.md']))
  const missing = ['deploy.md', 'operations.md', 'rotation.md', 'configuration.md'].flatMap((document) =>
    [...readFileSync(join(installed, 'docs', document), 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .map(([, path]) => join(installed, 'docs', path!))
      .filter((path) => !existsSync(path)),
  )
  expect(missing).toEqual([])
  expect(readdirSync(join(installed, 'deploy'))).toEqual(['systemd'])
})

test('serves the dashboard, and every dialect on the key of the user', async () => {
  const page = await fetch(`${uniroute.url}/`)
  expect(page.status).toBe(200)
  const script = /src="([^"]+\.js)"/.exec(await page.text())?.[1]
  expect((await fetch(new URL(script!, `${uniroute.url}/`))).status).toBe(200)
  const keys = {
    openai: createFakeKey('openai'),
    anthropic: createFakeKey('anthropic'),
    google: createFakeKey('google'),
  }
  const caller = await uniroute.createCaller({ keys })
  for (const dialect of CHAT_DIALECTS) {
    const answer = await ask(uniroute, dialect, caller.apiKey)
    expect([answer.status, answer.headers.get('x-uniroute-billed-to')]).toEqual([200, 'user'])
  }
})

test('its command line opens every record of that installation', async () => {
  await uniroute.stop()
  const options = { cwd: root, program: join(installed, 'server', 'cli.js'), env: { DATA_DIR: join(root, 'data') } }
  const version = await runCommandLine(['--version'], options)
  expect(version).toMatchObject({ code: 0, stderr: '' })
  const verified = await runCommandLine(['verify'], options)
  expect(verified, verified.stderr).toMatchObject({ code: 0 })
  expect(verified.stdout).toMatch(/\b3\b/)
})
