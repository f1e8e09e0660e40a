// docs/asvs.md keeps to its word: every requirement of levels 1 and 2 stands in it once, every test that it names is
// there, and its sums are those of its table.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')
const text = read('docs/asvs.md')
const rows = [...text.matchAll(/^\| (\d+\.\d+\.\d+) \| ([^|]+) \| (\w+) \| (.+) \|$/gm)].map(
  ([, id, what, state, why]) => ({ id: id!, what: what!, state: state!, why: why! }),
)

/** The requirements of ASVS 5.0.0 by section: how many there are, and which of them are of level 3. */
const SECTIONS: Readonly<Record<string, readonly [count: number, ...level3: number[]]>> = {
  '1.1': [2],
  '1.2': [10, 10],
  '1.3': [12, 12],
  '1.4': [3],
  '1.5': [3, 3],
  '2.1': [3],
  '2.2': [3],
  '2.3': [5, 5],
  '2.4': [2, 2],
  '3.1': [1, 1],
  '3.2': [3, 3],
  '3.3': [5, 5],
  '3.4': [8, 7, 8],
  '3.5': [8, 6, 7, 8],
  '3.6': [1, 1],
  '3.7': [5, 3, 4, 5],
  '4.1': [5, 4, 5],
  '4.2': [5, 2, 3, 4, 5],
  '4.3': [2],
  '4.4': [4],
  '5.1': [1],
  '5.2': [6, 4, 5, 6],
  '5.3': [3, 3],
  '5.4': [3],
  '6.1': [3],
  '6.2': [12],
  '6.3': [8, 5, 6, 7, 8],
  '6.4': [6, 5, 6],
  '6.5': [8, 6, 7, 8],
  '6.6': [4, 4],
  '6.7': [2, 1, 2],
  '6.8': [4],
  '7.1': [3],
  '7.2': [4],
  '7.3': [2],
  '7.4': [5],
  '7.5': [3, 3],
  '7.6': [2],
  '8.1': [4, 3, 4],
  '8.2': [4, 4],
  '8.3': [3, 2, 3],
  '8.4': [2, 2],
  '9.1': [3],
  '9.2': [4],
  '10.1': [2],
  '10.2': [3, 3],
  '10.5': [5],
  '11.1': [4, 3, 4],
  '11.2': [5, 4, 5],
  '11.3': [5, 4, 5],
  '11.4': [4],
  '11.5': [2, 2],
  '11.6': [2, 2],
  '11.7': [2, 1, 2],
  '12.1': [5, 4, 5],
  '12.2': [2],
  '12.3': [5, 5],
  '13.1': [4, 2, 3, 4],
  '13.2': [6, 6],
  '13.3': [4, 3, 4],
  '13.4': [7, 6, 7],
  '14.1': [2],
  '14.2': [8, 5, 6, 7, 8],
  '14.3': [3],
  '15.1': [5, 4, 5],
  '15.2': [5, 4, 5],
  '15.3': [7],
  '15.4': [4, 1, 2, 3, 4],
  '16.1': [1],
  '16.2': [5],
  '16.3': [4],
  '16.4': [3],
  '16.5': [4, 4],
}
const wanted = Object.entries(SECTIONS).flatMap(([section, [count, ...level3]]) =>
  Array.from({ length: count }, (_, at) => at + 1).flatMap((number) =>
    level3.includes(number) ? [] : [`${section}.${number}`],
  ),
)

/**
 * What does not apply, ranges spelled out; sections without a row (servers of OAuth, WebRTC) are not in `wanted`
 * either.
 */
function listLeftOut(): string[] {
  const sentence = /^Does not apply:([^]*?)\n\n/m.exec(text)![1]!
  return [...sentence.matchAll(/(\d+\.\d+)\.(\d+)(?:–\d+\.\d+\.(\d+))?/g)].flatMap(([, section, from, to]) =>
    Array.from({ length: Number(to ?? from) - Number(from) + 1 }, (_, at) => `${section}.${Number(from) + at}`),
  )
}

test('every requirement of levels 1 and 2 stands in it once, or does not apply', () => {
  const leftOut = listLeftOut().filter((id) => !/^(?:10\.[3467]|17)\./.test(id))
  expect([...rows.map(({ id }) => id), ...leftOut].toSorted()).toEqual(wanted.toSorted())
  for (const range of ['10.3.1–10.4.16', '10.6.1–10.7.3']) expect(text).toContain(range)
  expect(text).toContain('17.1.1–17.3.2')
})

test('every test that is named is there, under that name', () => {
  const named = rows.flatMap(({ id, why }) =>
    [...why.matchAll(/`([\w./-]+\.test\.ts)` "([^"]+)"/g)].map(([, path, words]) => ({ id, path, words: words! })),
  )
  expect(named.length).toBeGreaterThan(100)
  const missing = named.filter(
    ({ path, words }) =>
      !existsSync(fileURLToPath(new URL(`../${path}`, import.meta.url))) || !read(path!).includes(words),
  )
  expect(missing).toEqual([])
})

test('the sums are those of the table, and what is not held says why', () => {
  const sum = (state: string): number => rows.filter((row) => row.state === state).length
  expect(text).toContain(
    `**${sum('held')} held, ${sum('partly')} partly, ${sum('open')} open, ${sum('operator')} up to the operator.**`,
  )
  expect(rows.filter(({ state }) => !['held', 'partly', 'open', 'operator'].includes(state))).toEqual([])
  for (const { state, why } of rows.filter((row) => row.state !== 'held')) {
    expect([state, why.replaceAll(/`[^`]+` "[^"]+"/g, '').length > 10]).toEqual([state, true])
  }
})
