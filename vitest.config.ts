// How the tests run: `unit` beside the code, `web` for the dashboard in a made-up browser, `system` for whole servers,
// real clients and laws over many parts. In the mode `nightly` every property is tried far more often, and tables are
// walked whole.
import { availableParallelism } from 'node:os'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { compileMessages } from './web/compile-messages.ts'

/** Patience costs nothing where a test passes: what is waited for comes when it comes, on a busy machine later. */
const shared = {
  environment: 'node',
  pool: 'forks',
  restoreMocks: true,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 20_000 } },
} as const
const MANY = { PROPERTY_RUNS: '10000', CHAIN_ROWS: 'all', ROTATION_KILLS: '10', UNIROUTE_ISOLATION_REQUESTS: '100000' }
const WHOLE = { EVERY_LOOK: 'all', WHOLE_TABLES: 'yes', KILL_CYCLES: '20', UNIROUTE_KILLS: '20' }
const NIGHTLY = { env: { ...MANY, ...WHOLE }, testTimeout: 30 * 60_000 }

export default defineConfig(({ mode }) => ({
  test: {
    // Most tests wait for servers, databases and browsers: as many at once as there are cores, and not so many that the
    // database runs out of connections.
    maxWorkers: Math.min(availableParallelism(), 4),
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['{server,contract,scripts,bench}/**/*.test.ts'],
          ...(mode === 'nightly' && NIGHTLY),
        },
      },
      {
        plugins: [compileMessages(), vue()],
        test: { ...shared, environment: 'happy-dom', name: 'web', include: ['web/**/*.test.ts'] },
      },
      {
        test: {
          ...shared,
          name: 'system',
          globalSetup: 'test/support/unpack-browser.ts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/node_modules/**'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          ...(mode === 'nightly' && NIGHTLY),
        },
      },
    ],
  },
}))
