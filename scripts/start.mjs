// `npm start`: installs and builds what is missing, then runs the server on the bundled Node.
import { join } from 'node:path'
import { ensureInstalled, ROOT, runMain, runUniRoute } from './runtime.mjs'
import { ensureWebBuilt } from './web-build.mjs'

await runMain(async () => {
  await ensureInstalled()
  await ensureWebBuilt()
  return runUniRoute(join(ROOT, 'server', 'main.ts'), process.argv.slice(2))
})
