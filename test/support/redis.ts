// Suites that need a redis-server: skipped by name where the program is missing, failed where CI=true.
import { describe, expect, test } from 'vitest'
import { redisProblem } from './redis-server.ts'

/** A suite that needs redis-server. */
export function describeRedis(name: string, declare: () => void): void {
  if (redisProblem === undefined) return void describe(name, declare)
  if (process.env['CI'] === 'true') return void test(name, () => expect.fail(`Redis is needed here: ${redisProblem}`))
  process.stderr.write(`NOT RUN: ${name}: ${redisProblem}\n`)
  describe.skip(name, declare)
}
