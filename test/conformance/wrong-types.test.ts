// Law 5, for values that cannot be: a known field whose value is of another type than its own is refused as the
// caller's mistake, by the field's path, or told as lost, or means something in the dialect after all. It never
// vanishes, and never breaks anything. For every value inside every field of every dialect, towards every other
// dialect.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CannotCross, createLossReport } from '../../server/protocols/codec.ts'
import { decodeRequest, type Dialect, encodeRequest, type Json, PAIRS } from '../support/cross-dialect.ts'
import { at, type Path, placesIn, replace, written } from '../support/places.ts'
import { PLAIN_REQUESTS, REQUEST_FIELDS } from '../support/request-fields.ts'
import { CONVERSATIONS, USERS_OWN } from '../support/request-fields/conversations.ts'

const typeOf = (value: unknown): string => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value)

/** Any JSON value of another type than this one's. `null` is as good as nothing. */
const otherThan = (value: unknown): fc.Arbitrary<unknown> =>
  fc
    .oneof(
      fc.constantFrom<unknown>('odd', '', 5, -5, 0.5, true, false, [], {}, ['x'], [5], { odd: 1 }),
      fc.jsonValue({ maxDepth: 2 }),
    )
    .filter((other) => other !== null && typeOf(other) !== typeOf(value))

type Crossed = { readonly body: string; readonly losses: readonly string[] } | CannotCross

function cross(from: Dialect, to: Dialect, body: Json): Crossed {
  const losses = createLossReport()
  try {
    const encoded = encodeRequest(to, decodeRequest(from, body, losses), losses)
    const told = losses.losses.map(({ action, path }) => `${action} ${path}`)
    return { body: JSON.stringify([encoded.body, encoded.enforceStop]), losses: told }
  } catch (error) {
    if (error instanceof CannotCross) return error
    throw error
  }
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'string'
    ? value.trim() === ''
    : value === null || (typeof value === 'object' && Object.values(value).every(isEmpty))

/** A text, list or object may be empty in many ways: nothing is said then, so nothing is lost. */
function saysNothing(wrong: unknown, instead: unknown): boolean {
  return isEmpty(wrong) && ['string', 'list', 'object'].includes(typeOf(instead))
}

function expectHeard(from: Dialect, to: Dialect, body: Json, path: Path, wrong: unknown): void {
  const what = `${written(path)} = ${JSON.stringify(wrong)}`
  const asked = cross(from, to, replace(body, path, wrong) as Json)
  if (asked instanceof CannotCross) {
    expect(asked.message.length, what).toBeLessThan(400)
    const named = asked.path.split(/[.[]/)[0]
    // Without the tools it is the choice among them that makes no sense; an address is judged where it is sent.
    const isAboutIt = named === path[0] || named === 'url' || (path[0] === 'tools' && named === 'tool_choice')
    if (asked.code === 'bad_request') expect(isAboutIt, `${what}: ${asked.message}`).toBe(true)
    return
  }
  const isHeardBeside = (place: Path): boolean => {
    const without = cross(from, to, replace(body, place, undefined) as Json)
    if (without instanceof CannotCross) return true
    const told = asked.losses.some((loss) => !without.losses.includes(loss))
    // What is inside a field that is lost as a whole is lost with it.
    return told || (place === path && asked.body !== without.body)
  }
  const heard = isHeardBeside(path) || saysNothing(wrong, at(body, path)) || isHeardBeside(path.slice(0, 1))
  expect(heard, `${what} vanishes`).toBe(true)
}

const RUNS_PER_PLACE = { numRuns: 12 }

describe.each(PAIRS)('from %s to %s', (from, to) => {
  const bodies: readonly (readonly [string, Json])[] = [
    ...REQUEST_FIELDS[from]
      .filter(({ name }) => !/unknown|never|odd|text\.shape/i.test(name))
      .map(({ name, with: fields }) => [name, { ...PLAIN_REQUESTS[from], ...fields }] as const),
    ['a conversation', CONVERSATIONS[from]],
  ]
  test.each(bodies)('%s', (_name, body) => {
    for (const path of placesIn(body, USERS_OWN)) {
      fc.assert(
        fc.property(otherThan(at(body, path)), (wrong) => expectHeard(from, to, body, path, wrong)),
        RUNS_PER_PLACE,
      )
    }
  })
})
