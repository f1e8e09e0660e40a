#!/usr/bin/env node
// `npx uniroute …` and `npm run uniroute -- …`: the command line, on the bundled Node; without a command it serves.
import { join } from 'node:path'
import { ROOT, runMain, runUniRoute } from './runtime.mjs'

await runMain(() => runUniRoute(join(ROOT, 'server', 'cli.ts'), process.argv.slice(2)))
