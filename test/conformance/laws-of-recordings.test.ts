// The laws of protocols/ that real traffic can show. Law 4: every recorded stream, cut anywhere, is read alike. Law 7:
// every recorded answer, forced through translation into its own dialect, means what its relay means, and costs the
// same. Where it does not, the table of exceptions says why. The counts are printed.
import { isDeepStrictEqual } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { createSseSplitter } from '../../server/kernel/sse-splitter.ts'
import type { SseEvent } from '../../server/kernel/sse.ts'
import type { ChatResponse, Item, StreamEvent } from '../../server/protocols/canonical.ts'
import { CODECS } from '../../server/protocols/codecs.ts'
import { eventsOf } from '../../server/protocols/collect.ts'
import { parseJson } from '../../server/protocols/read.ts'
import { PROTOCOLS } from '../../server/protocols/registry.ts'
import { decodeStream, decodingOf, DIALECTS, type Dialect, encodeStream, encodingOf } from '../support/cross-dialect.ts'
import { createRandom } from '../support/random.ts'
import { readAnswers, type RecordedAnswer, streamOf } from '../support/recorded-answers.ts'
import { readRecordings, recordingsAvailable, warnWithoutRecordings } from '../support/recordings.ts'
import { RUNS } from '../support/properties.ts'
import { cutBytes, relayPieces } from '../support/relaying.ts'

warnWithoutRecordings('laws-of-recordings.test.ts')

const random = createRandom()
const lines: string[] = []
afterAll(() => {
  if (recordingsAvailable)
    console.info(['Laws of protocols/ in recorded traffic', ...lines, `seed ${random.seed}`].join('\n'))
})

// ---- Law 4 ---------------------------------------------------------------------------------------------------------

/**
 * Streams up to this many bytes are cut at every single byte; longer ones here and there, and once between all bytes.
 */
const SMALL = RUNS.numRuns >= 10_000 ? 32 * 1024 : 3 * 1024
const RANDOM_CUTS = 12

function split(pieces: readonly Buffer[]): SseEvent[] {
  const splitter = createSseSplitter()
  return [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()]
}

function decode(dialect: Dialect, events: readonly SseEvent[]): StreamEvent[] {
  const decoder = CODECS[dialect].streamDecoder(decodingOf())
  return [...events.flatMap((event) => decoder.push(event)), ...decoder.end()]
}

const somewhere = (bytes: Buffer): number[] =>
  Array.from({ length: 1 + random.below(40) }, () => random.below(bytes.length))

describe.skipIf(!recordingsAvailable)('law 4: any byte split of a recorded stream gives the same events', () => {
  const streams = readRecordings().filter(({ isSse, status }) => isSse && status < 300)

  test.each(DIALECTS)('%s', (dialect) => {
    const mine = streams.filter(({ protocol }) => protocol.id === dialect)
    let everywhere = 0
    let splits = 0
    for (const { id, answer } of mine) {
      const bytes = Buffer.from(answer)
      const wanted = JSON.stringify(split([bytes]))
      const expectSame = (pieces: readonly Buffer[], where: string): void => {
        splits++
        if (JSON.stringify(split(pieces)) !== wanted) expect.fail(`${id} is read otherwise when cut ${where}`)
      }
      if (bytes.length <= SMALL) {
        everywhere++
        for (let at = 1; at < bytes.length; at++) {
          expectSame([bytes.subarray(0, at), bytes.subarray(at)], `at ${at} of ${bytes.length}`)
        }
      }
      expectSame(
        Array.from(bytes, (byte) => Buffer.of(byte)),
        'between all bytes',
      )
      const events = decode(dialect, split([bytes]))
      for (let run = 0; run < RANDOM_CUTS; run++) {
        const pieces = cutBytes(bytes, somewhere(bytes))
        expectSame(pieces, `in ${pieces.length} (seed ${random.seed})`)
        expect(decode(dialect, split(pieces)), id).toEqual(events)
        // Law 6, on the way: what is relayed is what came.
        const relayed = relayPieces({ protocol: PROTOCOLS[dialect], shape: 'events' }, pieces)
        if (!relayed.failed) expect(relayed.bytes.equals(bytes), id).toBe(true)
      }
    }
    lines.push(`law 4, ${dialect}: ${mine.length} streams, ${everywhere} of them at every byte, ${splits} splits`)
    expect(mine.length).toBeGreaterThan(0)
  })
})

// ---- Law 7 ---------------------------------------------------------------------------------------------------------

type Meaning = Pick<ChatResponse, 'items' | 'usage' | 'extensions'> & { readonly end: unknown }

/** What an answer means: state as the value it stands for, arguments as their value, a count nobody told as none. */
function meaningOf(from: Dialect, { items, finish, usage, extensions }: ChatResponse, sealed: boolean): Meaning {
  // The provider's own word is not written again, so a plain end that stands in for one nobody knows is one.
  const { raw: _raw, unknown: _unknown, ...end } = finish
  // What a server charged is for the ledger, and no part of an answer.
  const { chargedUsdNanos: _charged, ...tokens } = usage
  const counts = Object.fromEntries(Object.entries(tokens).map(([name, count]) => [name, count ?? 0]))
  // Gemini's slot for state holds bytes.
  const open = (value: string): string =>
    sealed && from === 'gemini' ? Buffer.from(value, 'base64').toString() : value
  const told = items.map(({ signature, ...item }) => ({
    ...item,
    ...(signature ? { state: open(signature.value) } : {}),
    ...(item.kind === 'call' && item.style === 'json' ? { argsText: JSON.stringify(parseJson(item.argsText)) } : {}),
  }))
  return { items: told as unknown as Item[], end, usage: counts as unknown as ChatResponse['usage'], extensions }
}

type Kept = Item & { readonly state?: string }

/** What a dialect cannot write as it was read: why, and what is compared instead. */
const EXCEPTIONS: readonly {
  readonly why: string
  readonly of: Dialect
  readonly forgive: (meaning: Meaning) => unknown
}[] = [
  {
    why: 'calls of the older form have no id; each reading makes one',
    of: 'openai-chat',
    forgive: (meaning) => onItems(meaning, (item) => (item.kind === 'call' ? { ...item, id: '' } : item)),
  },
  {
    why: '`reasoning_content` does not say that the thoughts are a summary',
    of: 'openai-chat',
    forgive: withoutSummary,
  },
  {
    why: 'a whole message holds thoughts, one text and calls, in no other order',
    of: 'openai-chat',
    forgive: (meaning) => ({ ...meaning, items: inOrderOfKinds(meaning.items) }),
  },
  {
    why: 'thoughts are shown as a summary, whether they are one or not',
    of: 'openai-responses',
    forgive: withoutSummary,
  },
  {
    why: 'an empty text is no item',
    of: 'openai-responses',
    forgive: (meaning) => ({
      ...meaning,
      items: meaning.items.filter((item) => item.kind !== 'text' || item.text !== ''),
    }),
  },
  {
    why: 'a failed answer gets an error in our words',
    of: 'openai-responses',
    forgive: ({ end, ...meaning }) => ({ ...meaning, end: (end as { unified: string }).unified }),
  },
  {
    why: 'a citation has a title and a place, even one that had none',
    of: 'openai-responses',
    forgive: (meaning) =>
      onItems(meaning, (item) =>
        item.kind === 'text' ? { ...item, citations: (item.citations ?? []).map(({ url }) => ({ url })) } : item,
      ),
  },
]

const onItems = (meaning: Meaning, change: (item: Item) => unknown): unknown => ({
  ...meaning,
  items: meaning.items.map(change),
})

function withoutSummary(meaning: Meaning): unknown {
  return onItems(meaning, (item) => (item.kind === 'reasoning' ? { ...item, summary: undefined } : item))
}

function inOrderOfKinds(items: readonly Item[]): unknown[] {
  const of = (...kinds: Item['kind'][]): Kept[] => items.filter(({ kind }) => kinds.includes(kind))
  const said = of('text').map((item) => (item.kind === 'text' ? item.text : ''))
  return [...of('reasoning'), said.join(''), ...of('call'), ...of('media', 'opaque', 'refusal')]
}

const sameValue = (left: unknown, right: unknown): boolean => isDeepStrictEqual(jsonOf(left), jsonOf(right))
const jsonOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** The answer written in its own dialect and read again, as a whole or as a stream. */
function force({ from, response, events, request }: RecordedAnswer, streamed: boolean): ChatResponse {
  const encoding = { ...encodingOf(undefined, request), sealEnvelope: ({ value }: { value: string }) => value }
  if (streamed)
    return decodeStream(from, encodeStream(from, events ?? eventsOf(response), encoding), decodingOf()).response
  const body = CODECS[from].encodeResponse(response, encoding)
  return CODECS[from].decodeResponse(JSON.parse(JSON.stringify(body)) as Record<string, unknown>, decodingOf())
}

describe.skipIf(!recordingsAvailable)('law 7: relay and translation into the same dialect mean the same', () => {
  const { answers } = readAnswers()

  test.each(DIALECTS)('%s: usage', (dialect) => {
    const mine = answers.filter(({ from }) => from === dialect)
    const wrong: unknown[] = []
    for (const { recording, response } of mine) {
      const shape = recording.isSse ? 'events' : streamOf(recording) === null ? 'whole' : 'array'
      const { protocol, provider } = recording
      const { usage } = relayPieces({ protocol, provider, shape }, [Buffer.from(recording.answer)])
      if (JSON.stringify(usage) !== JSON.stringify(response.usage)) {
        wrong.push({ id: recording.id, relayed: usage, translated: response.usage })
      }
    }
    expect(wrong).toEqual([])
    lines.push(`law 7, ${dialect}: usage of ${mine.length} answers`)
  })

  test.each(DIALECTS)('%s: meaning', (dialect) => {
    const mine = answers.filter(({ from }) => from === dialect)
    const excepted = new Map<string, number>()
    const wrong: unknown[] = []
    let same = 0
    for (const recorded of mine) {
      const wanted = meaningOf(dialect, recorded.response, false)
      for (const streamed of [false, true]) {
        const forced = meaningOf(dialect, force(recorded, streamed), true)
        if (sameValue(forced, wanted)) {
          same++
          continue
        }
        const exception = EXCEPTIONS.find(
          ({ of, forgive }) => of === dialect && sameValue(forgive(forced), forgive(wanted)),
        )
        if (exception) excepted.set(exception.why, (excepted.get(exception.why) ?? 0) + 1)
        else wrong.push({ id: recorded.recording.id, streamed, forced, wanted })
      }
    }
    expect(wrong).toEqual([])
    const reasons = [...excepted].map(([why, count]) => `; ${count} but for this: ${why}`).join('')
    lines.push(
      `law 7, ${dialect}: meaning of ${mine.length} answers, each whole and streamed: ${same} the same${reasons}`,
    )
  })
})
