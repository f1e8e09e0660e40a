// Law 5, member by member: nothing of a request vanishes on its way to another dialect. A member that nobody knows, put
// into any of its objects, is refused, carried or named as lost; a value that is there, taken out, changes what is
// asked or what is told lost. What is excepted stands in a table, with the reason. For requests that have every member,
// recorded ones and any others, from every dialect to every other, and to models that can nearly everything and ones
// that cannot.
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { CannotCross } from '../../server/protocols/codec.ts'
import { anyRequest } from '../support/any-request.ts'
import { type Dialect, DIALECTS, encodeRequest, type Json, MODELS, profileFor } from '../support/cross-dialect.ts'
import { at, type Path, placesIn, written } from '../support/places.ts'
import { RUNS } from '../support/properties.ts'
import { readRecordings, recordingsAvailable, warnWithoutRecordings } from '../support/recordings.ts'
import { PLAIN_REQUESTS, REQUEST_FIELDS } from '../support/request-fields.ts'
import { USERS_OWN } from '../support/request-fields/conversations.ts'
import { type Source, watch } from '../support/silent-drops/crossing.ts'
import { isExcepted, unusedExceptions } from '../support/silent-drops/exceptions.ts'
import { FULL_REQUESTS } from '../support/silent-drops/full-requests.ts'

warnWithoutRecordings('no-silent-drop.test.ts: recorded requests')

const NIGHTLY = RUNS.numRuns >= 10_000
const GENERATED = Math.ceil(RUNS.numRuns / 125)
/** Longer recorded requests are of the same members, many times. */
const LONGEST = 15_000

const counts = new Map<string, number>()
let suites = 0
let ran = 0
afterAll(() => {
  const told = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')
  console.info(`Crossings of which no member is lost in silence: ${told}`)
})

// ---- Bodies
// ----------------------------------------------------------------------------------------------------------

function fieldBodies(from: Dialect): readonly Json[] {
  return REQUEST_FIELDS[from].map(({ with: fields }) => ({ ...PLAIN_REQUESTS[from], ...fields }))
}

/** Those that have a member, in a place, that none before has; in the nightly mode all. */
const RECORDED = new Map(DIALECTS.map((from) => [from, recordedBodies(from)]))

function recordedBodies(from: Dialect): readonly Json[] {
  const seen = new Set<string>()
  return readRecordings().flatMap(({ file, protocol, requestBody }) => {
    if (protocol.id !== from || !requestBody || /embed/.test(file)) return []
    if (JSON.stringify(requestBody).length > LONGEST) return []
    const places = placesIn(requestBody, USERS_OWN).map((path) => written(path).replace(/\[\d+\]/g, '[]'))
    const isNew = places.some((place) => !seen.has(place))
    for (const place of places) seen.add(place)
    return isNew || NIGHTLY ? [requestBody] : []
  })
}

function generatedBodies(from: Dialect): readonly Json[] {
  return fc.sample(anyRequest, GENERATED).flatMap((request) => {
    try {
      return [JSON.parse(JSON.stringify(encodeRequest(from, request).body)) as Json]
    } catch (error) {
      if (error instanceof CannotCross) return []
      throw error
    }
  })
}

// ---- The claim
// -------------------------------------------------------------------------------------------------------

const isEmpty = (value: unknown): boolean =>
  value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)

const isOwn = (path: Path): boolean => USERS_OWN.test(String(path.at(-1)))

/** What vanishes of a body on its way to one model; null where it cannot cross at all. */
function vanishing(from: Source, to: Dialect, which: number, body: Json): string[] | null {
  const crossing = watch(from, to, which, body)
  if (!crossing.crosses) return null
  const circumstances = { from, profile: profileFor(to, which), body }
  const found: string[] = []
  for (const path of [[], ...placesIn(body, USERS_OWN)]) {
    const value = path.length === 0 ? body : at(body, path)
    if (isEmpty(value)) continue
    const where = `${written(path) || 'the body'} on the way to ${circumstances.profile.model}`
    if (typeof value !== 'object' || isOwn(path)) {
      const isSilent = crossing.isSilent(path)
      if (isSilent && !isExcepted({ ...circumstances, told: crossing.told }, path, value)) {
        found.push(`${JSON.stringify(value).slice(0, 60)} of ${where}`)
      }
    } else if (!Array.isArray(value)) {
      const told = crossing.putIn(path, 'oddly', 1)
      if (told && !isExcepted({ ...circumstances, told }, [...path, 'oddly'], 1)) found.push(`\`oddly\` in ${where}`)
    }
  }
  return found
}

function check(from: Source, to: Dialect, bodies: readonly Json[]): { crossed: number; vanished: string[] } {
  const vanished = new Set<string>()
  let crossed = 0
  for (const which of NIGHTLY ? MODELS[to].keys() : new Set([0, 1, MODELS[to].length - 1])) {
    for (const body of bodies) {
      const found = vanishing(from, to, which, body)
      if (found) crossed++
      for (const one of found ?? []) vanished.add(one)
    }
  }
  return { crossed, vanished: [...vanished] }
}

const WAYS: readonly (readonly [Source, Dialect])[] = [...DIALECTS, 'uniroute-chat' as const].flatMap((from) =>
  DIALECTS.filter((to) => to !== from).map((to) => [from, to] as const),
)

describe.each(WAYS)('from %s to %s', (from, to) => {
  const own = from === 'uniroute-chat'
  const kinds: Readonly<Record<string, () => readonly Json[]>> = {
    'with everything': () => FULL_REQUESTS[from],
    ...(own ? {} : { 'with one field': () => fieldBodies(from), generated: () => generatedBodies(from) }),
    ...(own || !recordingsAvailable ? {} : { recorded: () => RECORDED.get(from)! }),
  }
  suites += Object.keys(kinds).length
  test.each(Object.entries(kinds))('requests %s', (kind, bodies) => {
    const { crossed, vanished } = check(from, to, bodies())
    counts.set(kind, (counts.get(kind) ?? 0) + crossed)
    ran++
    expect(crossed).toBeGreaterThan(0)
    expect(vanished).toEqual([])
  })
})

// Whoever runs a part of this file has not seen all there is.
test.runIf(recordingsAvailable)('every exception is one', ({ skip }) => {
  if (ran < suites) skip()
  expect(unusedExceptions()).toEqual([])
})
