// What is mutated, with which tests, and the share of mutants that those must find.

export interface MutatedModule {
  readonly name: string
  /** Percent. */
  readonly goal: number
  readonly files: readonly string[]
  readonly tests: readonly string[]
  /** Its tests need nothing of Vitest but its words, so they are loaded once for all mutants. */
  readonly inOneProcess?: true
}

export const MODULES: readonly MutatedModule[] = [
  {
    name: 'vault',
    goal: 90,
    files: ['server/vault/*.ts', '!server/vault/*.test.ts', '!server/vault/testing.ts'],
    tests: ['server/vault/*.test.ts'],
  },
  {
    name: 'redaction',
    goal: 90,
    inOneProcess: true,
    files: ['server/kernel/secret.ts', 'server/kernel/log.ts', 'server/gateway/credential-scan.ts'],
    tests: ['server/kernel/secret.test.ts', 'server/kernel/log.test.ts', 'server/gateway/credential-scan.test.ts'],
  },
  {
    name: 'authentication',
    goal: 90,
    inOneProcess: true,
    files: [
      'server/http/credentials.ts',
      'server/features/accounts/authenticate.ts',
      'server/features/accounts/access-token.ts',
      'server/features/api-keys/key-format.ts',
      'server/features/api-keys/key-memory.ts',
    ],
    tests: [
      'server/http/credentials.test.ts',
      'server/features/accounts/authenticate.test.ts',
      'server/features/accounts/access-token.test.ts',
      'server/features/api-keys/key-format.test.ts',
      'server/features/api-keys/key-memory.test.ts',
    ],
  },
  {
    name: 'authorisation',
    goal: 90,
    files: ['server/http/control.ts', 'server/http/origin.ts', 'server/features/teams/rights.ts'],
    tests: [
      'server/http/control.test.ts',
      'server/http/control-callers.test.ts',
      'server/http/origin.test.ts',
      'server/features/teams/rights.test.ts',
    ],
  },
  {
    name: 'plan',
    goal: 80,
    inOneProcess: true,
    files: ['server/gateway/plan.ts', 'server/gateway/chain.ts'],
    tests: [
      'server/gateway/plan.test.ts',
      'server/gateway/plan-narrowing.test.ts',
      'server/gateway/chain.test.ts',
      'server/gateway/chain-retry.test.ts',
    ],
  },
]
