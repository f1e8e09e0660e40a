// Every recorded answer, told to a client of every other dialect, whole and as a stream, and read back with that
// dialect's own codec: text, calls, finish and usage are those of the recording. What a dialect cannot say is in the
// tables below, with its reason. The counts are printed.
import { afterAll, describe, expect, test } from 'vitest'
import type { ChatResponse, FinishUnified, Usage } from '../../server/protocols/canonical.ts'
import { CODECS } from '../../server/protocols/codecs.ts'
import { eventsOf } from '../../server/protocols/collect.ts'
import { asObject, parseJson } from '../../server/protocols/read.ts'
import { decodeStream, decodingOf, DIALECTS, type Dialect, encodeStream, encodingOf } from '../support/cross-dialect.ts'
import { readAnswers, type RecordedAnswer } from '../support/recorded-answers.ts'
import { recordingsAvailable, warnWithoutRecordings } from '../support/recordings.ts'

warnWithoutRecordings('Recorded answers in other dialects')

// ---- What a dialect can say ----------------------------------------------------------------------------------------

/** A finish that a dialect has no word for, as its clients read it. */
const SAID: Readonly<Record<Dialect, Partial<Record<FinishUnified, FinishUnified>>>> = {
  'openai-chat': {
    stop_sequence: 'stop', // one word for both
    context_window: 'length',
    pause: 'stop',
    refusal: 'content_filter', // `message.refusal` where there is a text
  },
  'openai-responses': { stop_sequence: 'stop', context_window: 'length', pause: 'stop' },
  'anthropic-messages': { content_filter: 'refusal' },
  gemini: { stop_sequence: 'stop', context_window: 'length', pause: 'stop', refusal: 'content_filter' },
}

/** Dialects that know functions only; a freeform tool is one with the field `input` there. */
const FUNCTIONS_ONLY: ReadonlySet<Dialect> = new Set(['anthropic-messages', 'gemini'])

interface Told {
  readonly text: string
  readonly calls: readonly { name: string; args: unknown; style: string }[]
  readonly finish: FinishUnified
  readonly usage: Partial<Record<keyof Usage, number>>
}

const argsOf = (text: string): unknown => {
  if (text.trim() === '') return {}
  const value = asObject(parseJson(text))
  return value ?? { input: text }
}

/** Counts that a dialect has a place for; it may write 0 for what is not known. */
const COUNTED: Readonly<Record<Dialect, readonly (keyof Usage)[]>> = {
  'openai-chat': ['input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'],
  'openai-responses': ['input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'],
  'anthropic-messages': ['input', 'output', 'cacheRead', 'cacheWrite', 'cacheWrite1h', 'reasoning'],
  gemini: ['input', 'output', 'cacheRead', 'reasoning'], // nothing is written to a cache there
}

/** As the client of `to` shall read it; `original`: what was recorded, in that dialect's terms. */
function tell(response: ChatResponse, to: Dialect, original: boolean): Told {
  const { finish, items, usage } = response
  const refused = finish.unified === 'refusal' && items.some(({ kind }) => kind === 'refusal')
  return {
    text: items.map((item) => (item.kind === 'text' || item.kind === 'refusal' ? item.text : '')).join(''),
    // A namespace is one that the provider's own tool search made: no client of another dialect declared it.
    calls: items.flatMap((item) =>
      item.kind === 'call'
        ? [
            {
              name: item.name.split('__').at(-1)!,
              args: argsOf(item.argsText),
              style: FUNCTIONS_ONLY.has(to) ? 'json' : item.style,
            },
          ]
        : [],
    ),
    finish:
      original && !(to === 'openai-chat' && refused) ? (SAID[to][finish.unified] ?? finish.unified) : finish.unified,
    usage: Object.fromEntries(COUNTED[to].map((key) => [key, usage[key] ?? 0])),
  }
}

// ---- The matrix ----------------------------------------------------------------------------------------------------

const { answers, skipped } = readAnswers()
const counts = new Map<string, { whole: number; streamed: number; except: Map<string, number> }>()

/** Why this answer cannot be told there; null where it can. */
function exceptionOf({ response: { finish, usage } }: RecordedAnswer, to: Dialect): string | null {
  if (finish.unified === 'malformed') return 'a malformed answer is an error, never an answer'
  const { input, cacheRead } = usage
  // It writes the parts of the count instead of the whole, and a part cannot be negative.
  if (to === 'anthropic-messages' && (cacheRead ?? 0) > (input ?? 0))
    return 'more of the prompt from the cache than there is'
  return null
}

function crossWhole(recorded: RecordedAnswer, to: Dialect): Told {
  const body = CODECS[to].encodeResponse(recorded.response, encodingOf(undefined, recorded.request))
  const again = JSON.parse(JSON.stringify(body)) as Record<string, unknown>
  return tell(CODECS[to].decodeResponse(again, decodingOf()), to, false)
}

function crossStream(recorded: RecordedAnswer, to: Dialect): Told {
  const text = encodeStream(to, recorded.events ?? eventsOf(recorded.response), encodingOf(undefined, recorded.request))
  const { response, error } = decodeStream(to, text, decodingOf())
  expect(error).toBeNull()
  return tell(response, to, false)
}

describe.skipIf(!recordingsAvailable)('recorded answers', () => {
  for (const from of DIALECTS) {
    for (const to of DIALECTS.filter((dialect) => dialect !== from)) {
      test(`${from} to ${to}`, () => {
        const count = { whole: 0, streamed: 0, except: new Map<string, number>() }
        counts.set(`${from} → ${to}`, count)
        const wrong: unknown[] = []
        for (const recorded of answers.filter((answer) => answer.from === from)) {
          const exception = exceptionOf(recorded, to)
          if (exception !== null) {
            count.except.set(exception, (count.except.get(exception) ?? 0) + 1)
            continue
          }
          const expected = tell(recorded.response, to, true)
          for (const [way, cross] of [
            ['whole', crossWhole],
            ['streamed', crossStream],
          ] as const) {
            const told = cross(recorded, to)
            if (deepEqual(told, expected)) count[way]++
            else wrong.push({ id: recorded.recording.id, way, ...differences(told, expected) })
          }
        }
        expect(wrong).toEqual([])
        expect(count.whole).toBeGreaterThan(100)
      })
    }
  }
})

const deepEqual = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right)

function differences(told: Told, expected: Told): Record<string, unknown> {
  const fields = (['text', 'calls', 'finish', 'usage'] as const).filter((key) => !deepEqual(told[key], expected[key]))
  return Object.fromEntries(fields.map((key) => [key, { told: told[key], expected: expected[key] }]))
}

afterAll(() => {
  if (!recordingsAvailable) return
  const lines = [...counts].map(([pair, { whole, streamed, except }]) => {
    const reasons = [...except].map(([why, count]) => `; ${count} not: ${why}`).join('')
    return `${pair.padEnd(42)} ${whole} whole, ${streamed} streamed${reasons}`
  })
  const left = [...skipped].map(([why, count]) => `not told at all: ${count}, ${why}`)
  console.info([`Recorded answers in other dialects (${answers.length})`, ...lines, ...left].join('\n'))
})
