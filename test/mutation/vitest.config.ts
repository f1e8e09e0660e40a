// The tests that mutants are tried with: the files that MUTATION_TESTS names, which concern the mutated ones.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    environment: 'node',
    restoreMocks: true,
    setupFiles: ['test/mutation/setup.ts'],
    include: (process.env['MUTATION_TESTS'] ?? 'server/**/*.test.ts').split(' '),
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
