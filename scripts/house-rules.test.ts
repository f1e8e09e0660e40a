// The rules of the house, each shown by a house that breaks it and one that does not.
import { describe, expect, test } from 'vitest'
import { findProblems } from './house-rules.ts'

/** The messages for a house of these files; a text is a file's imports, in short, or its whole source. */
function problemsOf(files: Record<string, string>): string[] {
  const sources = Object.entries(files).map(([path, text]) => ({ path, text }))
  return findProblems(sources).map(({ path, line, message }) => `${path}:${line}: ${message}`)
}

const KERNEL = {
  'server/kernel/clock.ts': 'export const x = 1\n',
  'server/kernel/ids.ts': "import 'node:crypto'\nexport const x = 1\n",
}

describe('imports', () => {
  test.each([
    ['down', 'server/gateway/plan.ts', "import { x } from '../kernel/clock.ts'"],
    ['within a room', 'server/kernel/log.ts', "import { x } from './clock.ts'"],
    ['a package', 'server/vault/a.ts', "import { z } from 'zod'\nimport 'node:fs'"],
    ['app to any room', 'server/app.ts', "import { x } from './kernel/ids.ts'"],
    ['main to app', 'server/main.ts', "import { x } from './app.ts'"],
    ['the command line to main', 'server/cli/serve.ts', "export const f = () => import('../main.ts')"],
    ['the command line to its commands', 'server/cli.ts', "import { x } from './cli/serve.ts'"],
    ['contract from a room', 'server/config/a.ts', "import { x } from '../../contract/common.ts'"],
    ['protocols to pure kernel', 'server/protocols/a.ts', "import { x } from '../kernel/clock.ts'"],
    ['protocols within protocols', 'server/protocols/gemini/index.ts', "import { x } from '../read.ts'"],
    ['contract to zod', 'contract/a.ts', "import { z } from 'zod'"],
    ['contract within contract', 'contract/a.ts', "import { x } from './common.ts'"],
    ['web to types of contract', 'web/src/a.ts', "import type { X } from '../../contract/common.ts'"],
    ['web to named types', 'web/src/a.ts', "import { type X, type Y } from '../../contract/common.ts'"],
    ['a room to its inside', 'server/database/database.ts', "import { x } from './internal/sqlite.ts'"],
    ['the inside to the inside', 'server/database/internal/a.ts', "import { x } from './sqlite.ts'"],
    ['a test upward', 'server/kernel/a.test.ts', "import { x } from '../gateway/plan.ts'"],
    ['a test to the outside', 'server/kernel/a.test.ts', "import { x } from '../../test/support/databases.ts'"],
    ['test support upward', 'server/kernel/testing.ts', "import { x } from '../gateway/plan.ts'"],
    ['another slice by type', 'server/features/a/a.ts', "import type { X } from '../audit/audit.ts'"],
    ['shared arithmetic', 'server/features/a/a.ts', "import { x } from '../limits/gcra.ts'"],
    ['scripts to anything', 'scripts/a.ts', "import { x } from '../server/gateway/plan.ts'"],
  ])('allowed: %s', (_what, path, text) => {
    expect(problemsOf({ ...KERNEL, [path]: `${text}\n` })).toEqual([])
  })

  test.each([
    ['up', 'server/kernel/a.ts', "import { x } from '../config/config.ts'", 'kernel lies below config'],
    ['up by type', 'server/kernel/a.ts', "import type { X } from '../config/config.ts'", 'kernel lies below config'],
    ['up, late', 'server/http/a.ts', "export const f = () => import('../features/a/a.ts')", 'http lies below features'],
    ['up, as a type expression', 'server/http/a.ts', "export type X = import('../gateway/a.ts').X", 'below gateway'],
    ['up, passed on', 'server/http/a.ts', "import 'x'\nexport { x } from '../app.ts'", 'http lies below app'],
    ['main to the command line', 'server/main.ts', "import { x } from './cli/a.ts'", 'main lies below cli'],
    ['app to main', 'server/app.ts', "import { x } from './main.ts'", 'app lies below main'],
    ['an unknown room', 'server/helpers/a.ts', "import { x } from '../kernel/clock.ts'", 'is no room of the house'],
    ['contract to kernel', 'contract/a.ts', "import { x } from '../server/kernel/clock.ts'", 'nothing but zod'],
    ['contract to Node', 'contract/a.ts', "import 'node:fs'", 'nothing but zod'],
    ['protocols to Node', 'server/protocols/a.ts', "import 'node:buffer'", 'protocols/ is pure'],
    ['protocols to a package', 'server/protocols/a.ts', "import { z } from 'zod'", 'protocols/ is pure'],
    ['protocols to contract', 'server/protocols/a.ts', "import '../../contract/common.ts'", 'only pure files'],
    ['protocols to impure kernel', 'server/protocols/a.ts', "import '../kernel/ids.ts'", 'ids.ts is not one'],
    ['protocols to config', 'server/protocols/a.ts', "import '../config/config.ts'", 'protocols/ may use only'],
    ['web to values of contract', 'web/src/a.ts', "import { x } from '../../contract/common.ts'", 'import type'],
    ['web to some values', 'web/src/a.ts', "import { type X, y } from '../../contract/common.ts'", 'import type'],
    ['web to server', 'web/src/a.ts', "import type { X } from '../../server/app.ts'", 'by contract/ only'],
    ['another inside', 'server/gateway/a.ts', "import '../database/internal/sqlite.ts'", 'private to server/database'],
    ['another inside, in a test', 'server/gateway/a.test.ts', "import '../database/internal/sqlite.ts'", 'private to'],
    ['to a test', 'server/gateway/a.ts', "import './b.test.ts'", 'is not part of the server'],
    ['to test support', 'server/gateway/a.ts', "import './testing.ts'", 'is not part of the server'],
    ['to test/', 'server/gateway/a.ts', "import '../../test/fake-provider/wire.ts'", 'is not part of the server'],
    [
      'another slice by value',
      'server/features/a/a.ts',
      "import { x } from '../audit/audit.ts'",
      'only types from slice audit',
    ],
  ])('refused: %s', (_what, path, text, message) => {
    expect(problemsOf({ ...KERNEL, [path]: `${text}\nexport const own = 1\n` }).join()).toContain(message)
  })

  test('a pure file that stands on an impure one is not pure', () => {
    const files = {
      ...KERNEL,
      'server/kernel/b.ts': "import './ids.ts'\n",
      'server/protocols/a.ts': "import '../kernel/b.ts'\n",
    }
    expect(problemsOf(files).join()).toContain('server/kernel/b.ts is not one')
  })
})

describe('circles', () => {
  test('are found, also through types, and told once', () => {
    const files = {
      'server/kernel/a.ts': "import './b.ts'\n",
      'server/kernel/b.ts': "import type { C } from './c.ts'\n",
      'server/kernel/c.ts': "import './a.ts'\n",
    }
    expect(problemsOf(files)).toEqual([
      'server/kernel/a.ts:1: a circle of imports: server/kernel/a.ts → server/kernel/b.ts → server/kernel/c.ts → server/kernel/a.ts',
    ])
  })

  test('two ways to one file are no circle', () => {
    const files = {
      'server/kernel/a.ts': "import './b.ts'\nimport './c.ts'\n",
      'server/kernel/b.ts': "import './c.ts'\n",
      'server/kernel/c.ts': 'export const x = 1\n',
    }
    expect(problemsOf(files)).toEqual([])
  })
})

test('a file that only passes on what others export is refused', () => {
  expect(problemsOf({ 'server/kernel/a.ts': "export * from './b.ts'\n" }).join()).toContain('only passes on')
})

describe('names of providers', () => {
  const choose = (on: string, ...names: string[]) =>
    `export function f(x: any) {\n  switch (${on}) {\n${names.map((name) => `    case '${name}':\n`).join('')}      return 1\n  }\n}\n`

  test.each([
    ['server/gateway/a.ts', choose('x.provider', 'openai'), 1],
    ['server/gateway/a.ts', choose('x.provider.id', 'custom'), 1],
    ['server/catalog/a.ts', choose('providerId', 'anthropic'), 1],
    ['server/features/a/a.ts', choose('x', 'openai', 'google'), 1],
    ['server/providers/a.ts', choose('x.provider', 'openai', 'google'), 0],
    ['server/gateway/a.test.ts', choose('x.provider', 'openai'), 0],
    ['server/gateway/a.ts', choose('x.shape', 'openai', 'anthropic', 'gemini'), 0],
    ['server/gateway/a.ts', choose('x.provider.kind', 'a', 'b'), 0],
    ['test/a.ts', choose('x.provider', 'google'), 0],
  ])('in %s, %#', (path, text, count) => {
    expect(problemsOf({ [path]: text }).filter((problem) => problem.includes('a field of Provider'))).toHaveLength(
      count,
    )
  })
})

describe('sizes', () => {
  const lines = (count: number) => 'x()\n'.repeat(count)
  const functionOf = (count: number) => `export function f() {\n${lines(count - 2)}}\n`

  test.each([
    ['server/kernel/a.ts', lines(400), []],
    ['server/kernel/a.ts', lines(401), ['server/kernel/a.ts:1: 401 lines, more than 400']],
    ['server/kernel/a.ts', `// What for.\n// size: one table\n${lines(500)}`, []],
    ['server/kernel/a.ts', `// What for.\n// size:\n${lines(500)}`, ['502 lines']],
    ['server/kernel/a.test.ts', lines(900), []],
    ['server/protocols/gemini/a.ts', `// What for.\n// size: one table\n${lines(400)}`, ['402 lines, more than 400']],
    ['server/protocols/gemini/a.test.ts', lines(401), ['401 lines, more than 400: split it by meaning']],
    ['server/protocols/gemini/a.test.ts', functionOf(90), []],
    ['server/app.ts', lines(151), ['151 lines, more than 150']],
    ['server/kernel/a.ts', functionOf(60), []],
    ['server/kernel/a.ts', functionOf(61), ['a function of 61 lines']],
    ['server/kernel/a.ts', `// size: one step after another\n${functionOf(90)}`, []],
    ['server/kernel/a.ts', `// another comment\n${functionOf(90)}`, ['a function of 90 lines']],
    ['server/kernel/a.ts', `const f = () => {\n${lines(70)}}\n`, ['a function of 72 lines']],
    ['server/kernel/a.ts', `class A {\n  m() {\n${lines(70)}}\n}\n`, ['a function of 72 lines']],
  ])('%s, %#', (path, text, messages) => {
    const found = problemsOf({ [path]: text })
    expect(found).toHaveLength(messages.length)
    for (const [index, message] of messages.entries()) expect(found[index]).toContain(message)
  })

  test('a factory is as long as what it does itself: blank lines, comments and inner functions do not count', () => {
    const inner = Array.from({ length: 5 }, (_, index) => `  function f${index}() {\n${lines(30)}  }\n`).join('\n')
    expect(
      problemsOf({ 'server/kernel/a.ts': `export function createX() {\n  // why\n${inner}  return 1\n}\n` }),
    ).toEqual([])
  })
})
