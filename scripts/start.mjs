// `npm start`: installs what is missing, then runs the server on the bundled Node.
// The server's memory holds keys, so nothing may write it to disk: no core dumps (ulimit), no environment in diagnostic
// reports, and no debugger by signal.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createEnvironment, ensureInstalled, findNode, ROOT, runForeground, runMain } from './runtime.mjs'

const FLAGS = ['--report-exclude-env', '--disable-sigusr1', '--enable-source-maps']

await runMain(async () => {
  await ensureInstalled()
  const node = findNode()
  const words = [...FLAGS, join(ROOT, 'server', 'main.ts'), ...process.argv.slice(2)]
  const options = { env: createEnvironment(node) }
  if (process.platform === 'win32' || !existsSync('/bin/sh')) return runForeground(node, words, options)
  return runForeground('/bin/sh', ['-c', 'ulimit -c 0; exec "$0" "$@"', node, ...words], options)
})
