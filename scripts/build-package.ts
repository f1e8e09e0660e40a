// Builds the package that `npm publish` would send out, in dist/package: the server and its command line as JavaScript
// with every dependency inside, the built dashboard, the migrations and the licences of what was bundled. It needs no
// compiler and no installation step where it runs. Beside the packed file, whose path is printed, lies a bill of
// materials (CycloneDX) of all that is inside.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OUT = join(ROOT, 'dist', 'package')
/** Programs of their own; everything else is shared between them. */
const ENTRIES = ['server/cli', 'server/main', 'server/database/internal/sqlite-worker']
const COPIED = [
  'dist/web',
  'server/database/migrations',
  'server/http/static',
  'server/features/accounts/common-passwords.bin',
  'scripts/runtime.mjs',
  'scripts/uniroute.mjs',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'SECURITY.md',
  'THREAT_MODEL.md',
  'CONTRIBUTING.md',
  'ARCHITECTURE.md',
  // What the program refers to in its own words, and what a service is made of.
  'docs',
  'deploy/systemd',
]
/** `pg` asks for its native twin and goes on without it. */
const ABSENT = ['pg-native']

interface PackageJson {
  readonly name: string
  readonly version: string
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

const { ensureWebBuilt } = (await import(new URL('web-build.mjs', import.meta.url).href)) as {
  ensureWebBuilt: () => Promise<void>
}
await ensureWebBuilt()
if (!existsSync(join(ROOT, 'dist', 'web', 'index.html'))) throw new Error('The dashboard is not built.')
rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT, { recursive: true })
// What is missing is an error here.
const bundled = await bundle()
for (const path of COPIED) cpSync(join(ROOT, path), join(OUT, path), { recursive: true })
unlinkAbsent()
writeFileSync(join(OUT, 'package.json'), `${JSON.stringify(describePackage(), null, 2)}\n`)
// The list of breached passwords is made of this one's, so its licence comes along.
const MADE_OF = [join(ROOT, 'node_modules', '@zxcvbn-ts', 'language-common')]
const inside = [...[...bundled, ...MADE_OF].map(readLicence), ...readWebLicences()]
writeFileSync(join(OUT, 'THIRD_PARTY_LICENSES'), describeLicences(inside))
const packed = pack()
writeFileSync(packed.replace(/\.tgz$/, '.cdx.json'), `${JSON.stringify(listMaterials(inside), null, 2)}\n`)
process.stdout.write(`${packed}\n`)

/** Returns the folders of the packages that went into the bundle. */
async function bundle(): Promise<string[]> {
  const build = await rolldown({
    input: Object.fromEntries(ENTRIES.map((name) => [name, join(ROOT, `${name}.ts`)])),
    platform: 'node',
    external: ABSENT,
    tsconfig: join(ROOT, 'tsconfig.json'),
  })
  const { output } = await build.write({
    dir: OUT,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'server/chunks/[name]-[hash].js',
  })
  await build.close()
  const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
  return [...new Set(modules.flatMap((path) => packageFolderOf(path) ?? []))].toSorted()
}

/** What the documents say of sources and tests stays as words: those do not come along, and a link would lead nowhere. */
function unlinkAbsent(): void {
  for (const file of globSync(['*.md', 'docs/**/*.md'], { cwd: OUT })) {
    const path = join(OUT, file)
    const text = readFileSync(path, 'utf8').replaceAll(
      /(?<!!)\[([^\]]+)\]\((?![a-z]+:|#)([^)#\s]+)[^)]*\)/g,
      (link: string, words: string, target: string) => (existsSync(join(dirname(path), target)) ? link : words),
    )
    writeFileSync(path, text)
  }
}

function packageFolderOf(path: string): string | undefined {
  return /^(?:.*[\\/])?node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(path.replace(/^\0/, ''))?.[0]
}

function readPackage(folder: string): PackageJson {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageJson
}

function describePackage(): Record<string, unknown> {
  const { name, version, description, license, type, bin, optionalDependencies } = readPackage(ROOT)
  // The launcher runs on this; the server on the Node that comes along, or on 24.7 and later.
  return { name, version, description, license, type, engines: { node: '>=20' }, bin, optionalDependencies }
}

/** A package that is inside, as Vite lists those of the dashboard too. */
interface Inside {
  readonly name: string
  readonly version: string
  readonly identifier: string | null
  readonly text?: string | null
}

function readLicence(folder: string): Inside {
  const { name, version, license } = readPackage(folder)
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  return {
    name,
    version,
    identifier: typeof license === 'string' ? license : null,
    ...(file !== undefined && { text: readFileSync(join(folder, file), 'utf8') }),
  }
}

function readWebLicences(): Inside[] {
  return JSON.parse(readFileSync(join(ROOT, 'dist', 'web', '.vite', 'licenses.json'), 'utf8')) as Inside[]
}

function describeLicences(inside: readonly Inside[]): string {
  return inside
    .map(
      ({ name, version, identifier, text }) =>
        `${name} ${version} (${identifier ?? 'see below'})\n\n${text?.trim() ?? ''}\n`,
    )
    .join(`\n${'-'.repeat(80)}\n`)
}

interface Component {
  readonly name: string
  readonly version: string
  readonly [field: string]: unknown
}
interface Materials {
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly [field: string]: unknown
}

/**
 * npm's bill of materials of the lockfile, narrowed to what is in the package and to the Node that npm may put beside
 * it.
 */
function listMaterials(inside: readonly Inside[]): Materials {
  const text = npm(['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], ROOT)
  const { dependencies: _tools, ...all } = JSON.parse(text) as Materials
  const { name, optionalDependencies } = readPackage(ROOT)
  const bundled = new Set(inside.map(nameVersion))
  const beside = new Set(Object.entries(optionalDependencies).map(([one, version]) => `${one}@${version}`))
  const components = all.components
    .filter((one) => bundled.has(nameVersion(one)) || beside.has(nameVersion(one)))
    // For the lockfile the dashboard's packages are tools; in the package they are parts.
    .map(({ properties: _place, ...one }) => ({
      ...one,
      scope: bundled.has(nameVersion(one)) ? 'required' : 'optional',
    }))
  if (components.length !== bundled.size + beside.size) {
    throw new Error('The lockfile does not hold all that was bundled.')
  }
  // npm calls it by the folder that it lies in.
  const { properties: _private, ...own } = all.metadata.component
  return { ...all, metadata: { ...all.metadata, component: { ...own, name } }, components }
}

function nameVersion({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}@${version}`
}

function pack(): string {
  const words = ['pack', OUT, '--pack-destination', dirname(OUT), '--ignore-scripts', '--json']
  const [packed] = JSON.parse(npm(words, ROOT)) as { filename: string }[]
  return join(dirname(OUT), packed!.filename)
}

function npm(words: readonly string[], cwd: string): string {
  const path = process.env['npm_execpath']
  const [command, first] = path && existsSync(path) ? [process.execPath, [path]] : ['npm', []]
  const { status, stdout, stderr } = spawnSync(command, [...first, ...words], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(`npm ${words[0]} failed: ${stderr}`)
  return stdout
}
