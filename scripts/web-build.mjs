// Builds the dashboard where that is needed: there is no build, or something it is made of is newer. Plain JavaScript,
// like all that runs before the server.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createEnvironment, findNode, ROOT, say, waitFor } from './runtime.mjs'

const PAGE = join(ROOT, 'dist', 'web', 'index.html')

/** A build that fails does not keep the gateway from starting: its pages say that the dashboard is missing. */
export async function ensureWebBuilt() {
  if (!existsSync(join(ROOT, 'web')) || isFresh()) return
  say('Building the dashboard.')
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js')
  const node = findNode()
  const child = spawn(node, [vite, 'build', join(ROOT, 'web'), '--logLevel', 'warn'], {
    cwd: ROOT,
    env: createEnvironment(node),
    // Stdout belongs to the server.
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.on('data', (chunk) => (output += chunk))
  const { code, interrupted } = await waitFor(child)
  if (interrupted) process.exit(code || 1)
  if (code === 0) return
  // Half a build, or an old one, would be taken for the new one.
  rmSync(PAGE, { force: true })
  say(`${output.trimEnd()}\nThe dashboard could not be built (exit ${code}). The gateway starts without it.`)
}

function isFresh() {
  if (!existsSync(PAGE)) return false
  const builtAt = statSync(PAGE).mtimeMs
  const sources = [join(ROOT, 'package-lock.json'), join(ROOT, 'web')]
  return sources.every((path) => newestIn(path) <= builtAt)
}

function newestIn(path) {
  const found = statSync(path)
  if (!found.isDirectory()) return found.mtimeMs
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))))
}
