// Runs its arguments with the bundled Node, after installing what is missing: `node scripts/with-node.mjs
// bench/main.ts`.
import { createEnvironment, ensureInstalled, findNode, runForeground, runMain } from './runtime.mjs'

await runMain(async () => {
  await ensureInstalled()
  const node = findNode()
  return runForeground(node, process.argv.slice(2), { env: createEnvironment(node) })
})
