#!/usr/bin/env node
// `npx uniroute …` and `npm run uniroute -- …`: the command line, on the bundled Node; without a command it serves.
import { findEntry, runMain, runUniRoute } from './runtime.mjs'

await runMain(() => runUniRoute(findEntry('cli'), process.argv.slice(2)))
