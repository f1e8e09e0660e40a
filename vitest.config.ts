// How the tests run: `unit` beside the code, `system` for whole servers, real clients and laws over many parts.
import { defineConfig } from 'vitest/config'

const shared = { environment: 'node', pool: 'forks', restoreMocks: true } as const

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['{server,contract,scripts,bench}/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
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
        },
      },
    ],
  },
})
