// How the tests run: `unit` beside the code, `web` for the dashboard in a made-up browser, `system` for whole servers, real clients and laws over many parts. In the
// mode `nightly` every property is tried far more often, and tables are walked whole.
import { availableParallelism } from 'node:os'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { compileMessages } from './web/compile-messages.ts'

const shared = { environment: 'node', pool: 'forks', restoreMocks: true } as const
const MANY = { PROPERTY_RUNS: '10000', CHAIN_ROWS: 'all', ROTATION_KILLS: '10', UNIROUTE_ISOLATION_REQUESTS: '100000' }
const NIGHTLY = { env: { ...MANY, UNIROUTE_KILLS: '20' }, testTimeout: 30 * 60_000 }

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
          testTimeout: 30_000,
          hookTimeout: 30_000,
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
          testTimeout: 120_000,
          hookTimeout: 120_000,
          ...(mode === 'nightly' && NIGHTLY),
        },
      },
    ],
  },
}))
