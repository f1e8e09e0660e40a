// `npm run dev`: the server, restarted when a file of it changes, and the dashboard, built again when one of its files
// changes; reload the page to see it.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createEnvironment, ensureInstalled, findNode, ROOT, runForeground, runMain } from './runtime.mjs'

await runMain(async () => {
  await ensureInstalled()
  const node = findNode()
  const env = createEnvironment(node)
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js')
  const web = spawn(node, [vite, 'build', join(ROOT, 'web'), '--watch', '--logLevel', 'warn'], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  try {
    return await runForeground(node, ['--watch', join(ROOT, 'server', 'main.ts')], { env })
  } finally {
    web.kill()
  }
})
