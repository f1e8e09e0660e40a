// `npm start`: installs what is missing, then runs the server on the bundled Node.
import { join } from 'node:path'
import { ROOT, runMain, runUniRoute } from './runtime.mjs'

await runMain(() => runUniRoute(join(ROOT, 'server', 'main.ts'), process.argv.slice(2)))
