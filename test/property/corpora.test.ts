// Every saved input of the fuzzer, tried again, and as many new ones as seconds allow. `npm run fuzz` tries more.
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createMutator } from '../support/fuzz/mutator.ts'
import { readCorpus, tryInput } from '../support/fuzz/target.ts'
import { TARGETS } from '../support/fuzz/targets.ts'
import { WIRE_CORPUS } from '../support/fuzz/wire.ts'
import { RUNS } from '../support/properties.ts'
import { createRandom } from '../support/random.ts'

const CORPORA = new URL('../corpora/', import.meta.url)
/** Of each target. */
const FRESH = Math.ceil(RUNS.numRuns / 10)

test('every corpus has a target, every target a corpus', () => {
  const names = [...TARGETS.map(({ name }) => name), WIRE_CORPUS]
  expect(readdirSync(CORPORA).toSorted()).toEqual(names.toSorted())
})

describe.each(TARGETS)('$name', (target) => {
  test('keeps its promises with every saved input', () => {
    for (const { file, input } of readCorpus(target.name)) expect(tryInput(target, input), file).toBeNull()
  })

  test('keeps its promises with inputs made of them', () => {
    const random = createRandom()
    const saved = readCorpus(target.name).map(({ input }) => input)
    const mutator = createMutator(random, target.words, saved)
    for (let count = 0; count < FRESH; count++) {
      const input = mutator.mutate(saved[random.below(saved.length)]!, target.kind)
      expect(
        tryInput(target, input),
        `seed ${random.seed}, input ${JSON.stringify(input.toString('latin1'))}`,
      ).toBeNull()
    }
  })
})

test('one seed makes the same inputs again', () => {
  const make = (): string[] => {
    const mutator = createMutator(createRandom(7), ['word'], [Buffer.from('{"a":[1,"b"]}')])
    return Array.from({ length: 50 }, () => mutator.mutate(Buffer.from('{"x":{"y":"z"}}'), 'json').toString('latin1'))
  }
  expect(make()).toEqual(make())
  expect(new Set(make()).size).toBeGreaterThan(30)
})

test('a broken promise is told, and so is an exception', () => {
  const target = { name: 'x', kind: 'bytes', words: [], check: () => JSON.parse('{') as void } as const
  expect(tryInput(target, Buffer.of())).toMatch(/SyntaxError/)
})
