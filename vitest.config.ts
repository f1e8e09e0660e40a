// How the tests run: `unit` beside the code, `system` for whole servers, real clients and laws over many parts. In the
// mode `nightly` every property is tried far more often.
import { defineConfig } from 'vitest/config'

const shared = { environment: 'node', pool: 'forks', restoreMocks: true } as const
const NIGHTLY = { env: { PROPERTY_RUNS: '10000' }, testTimeout: 30 * 60_000 }

export default defineConfig(({ mode }) => ({
  test: {
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
        test: {
          ...shared,
          name: 'system',
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
