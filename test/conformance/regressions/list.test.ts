// The list of regressions is whole: every number from 1 to 47 has a test that runs, in order, and says where the bug
// was seen; every short name of a repository has its owner in README.md.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const LAST = 47

const here = new URL('./', import.meta.url)
const files = readdirSync(here).filter((name) => name.endsWith('.test.ts') && name !== 'list.test.ts')
const sources = files.map((name) => ({ name, text: readFileSync(new URL(name, here), 'utf8') }))

interface Named {
  readonly number: number
  readonly references: readonly string[]
}

/** The names of a file's tests, as they stand in its source: a number, the claim, the references in brackets. */
function readNames(text: string): Named[] {
  return [...text.matchAll(/(['"`])(\d+\. (?:(?!\1)[^\\]|\\.)+)\1/g)].map(([, , name]) => {
    const match = /^(\d+)\. .+ \(([^()]+)\)$/.exec(name!)
    expect(match, `${name} has no references in brackets at its end`).not.toBeNull()
    return { number: Number(match![1]), references: match![2]!.split(', ') }
  })
}

const names = sources.map(({ name, text }) => ({ name, named: readNames(text) }))
const all = names.flatMap(({ named }) => named)

test(`every case from 1 to ${LAST} has a test, and each stands in one file, in order`, () => {
  const ranges = names.map(({ named }) => named.map(({ number }) => number)).sort(([a], [b]) => a! - b!)
  const inOrder = ranges.flat()
  expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b))
  expect([...new Set(inOrder)]).toEqual(Array.from({ length: LAST }, (_, at) => at + 1))
})

test('every case names where the bug was seen, and the owner of each repository is known', () => {
  const readme = readFileSync(new URL('README.md', here), 'utf8')
  for (const { references, number } of all) {
    for (const reference of references) {
      if (reference === 'policy') continue
      const [, repository] = /^([\w./-]+)#\d+$/.exec(reference) ?? []
      expect([number, repository, readme.includes(`\`${repository}\``)]).toEqual([number, repository, true])
    }
  }
})

test('no case is skipped, and none is run alone', () => {
  for (const { text } of sources) expect(text).not.toMatch(/\.(?:skip|only|todo|fails|skipIf|runIf)\b/)
})
