// What the meter reads while bytes go by equals what a plain reader finds in the whole recording; and a stream counts
// as complete exactly from its terminal event on.
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { endOfEvent, SseTap } from '../../server/kernel/sse.ts'
import type { Usage } from '../../server/protocols/canonical.ts'
import { createRandom } from '../support/random.ts'
import {
  readRecordings,
  type Recording,
  RECORDING_FILES,
  recordingsAvailable,
  warnWithoutRecordings,
} from '../support/recordings.ts'
import { cutBytes, relayPieces, type Relayed } from '../support/relaying.ts'

warnWithoutRecordings('usage-of-recordings.test.ts')
const random = createRandom()
const answers = readRecordings().filter(({ status }) => status < 300)
const SPLITS = 4

type Json = any

// ── The plain reader: every event parsed, snapshots merged by overwriting, totals put together as the vendors define
// them.

interface PlainEvent {
  readonly text: string
  readonly data: Json
}

function parseEvents(stream: string): PlainEvent[] {
  return stream
    .replace(/^\ufeff/, '')
    .split(/(?<=\r\n\r\n|\n\n|\r\r)/)
    .map((text) => {
      const data = text
        .split(/\r\n|\n|\r/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
        .join('\n')
      return { text, data: data === '' || data === '[DONE]' ? undefined : JSON.parse(data) }
    })
}

const NOTHING: Usage = {
  input: null,
  cacheRead: null,
  cacheWrite: null,
  cacheWrite1h: null,
  output: null,
  reasoning: null,
  searches: null,
}

/** Anthropic's later reports complete earlier ones; elsewhere each report is whole, and the last one counts. */
function mergeReports(reports: readonly Json[]): Json | null {
  const given = reports.filter((report) => typeof report === 'object' && report !== null)
  if (given.length === 0) return null
  const merged: Json = {}
  for (const report of given) {
    for (const [name, value] of Object.entries(report)) if (value !== null || given.length === 1) merged[name] = value
  }
  return merged
}

function plainUsage(dialect: string, merged: Json | null, searches: number | null): Usage {
  if (merged === null) return NOTHING
  const { prompt_tokens_details: prompt, completion_tokens_details: completion } = merged
  switch (dialect) {
    case 'openai-chat': {
      const thoughts = completion?.reasoning_tokens ?? 0
      const told = merged.total_tokens === merged.prompt_tokens + merged.completion_tokens + thoughts
      const beside = told || thoughts > merged.completion_tokens ? thoughts : 0
      return {
        ...NOTHING,
        input: merged.prompt_tokens ?? null,
        cacheRead: prompt?.cached_tokens ?? merged.prompt_cache_hit_tokens ?? null,
        cacheWrite: prompt?.cache_write_tokens ?? null,
        // xAI and Vercel count thoughts beside the completion.
        output: (merged.completion_tokens ?? 0) + beside,
        reasoning: completion?.reasoning_tokens ?? null,
      }
    }
    case 'openai-responses':
      return {
        ...NOTHING,
        input: merged.input_tokens ?? null,
        cacheRead: merged.input_tokens_details?.cached_tokens ?? null,
        cacheWrite: merged.input_tokens_details?.cache_write_tokens ?? null,
        output: merged.output_tokens ?? null,
        reasoning: merged.output_tokens_details?.reasoning_tokens ?? null,
        searches,
      }
    case 'anthropic-messages': {
      const compactions = (merged.iterations ?? []).filter(({ type }: Json) => type === 'compaction')
      const sum = (...names: string[]): number | null => {
        const parts = [merged, ...compactions]
          .flatMap((one) => names.map((name) => one[name]))
          .filter((one) => one >= 0)
        return parts.length === 0 ? null : parts.reduce((total, part) => total + part, 0)
      }
      return {
        input: sum('input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'),
        cacheRead: sum('cache_read_input_tokens'),
        cacheWrite: sum('cache_creation_input_tokens'),
        cacheWrite1h: merged.cache_creation?.ephemeral_1h_input_tokens ?? null,
        output: sum('output_tokens'),
        reasoning: merged.output_tokens_details?.thinking_tokens ?? null,
        searches: merged.server_tool_use?.web_search_requests ?? null,
      }
    }
    default: {
      const { promptTokenCount, toolUsePromptTokenCount, candidatesTokenCount, thoughtsTokenCount } = merged
      const sum = (a?: number, b?: number): number | null =>
        a === undefined && b === undefined ? null : (a ?? 0) + (b ?? 0)
      return {
        ...NOTHING,
        input: sum(promptTokenCount, toolUsePromptTokenCount),
        cacheRead: merged.cachedContentTokenCount ?? null,
        output: sum(candidatesTokenCount, thoughtsTokenCount) ?? (promptTokenCount === undefined ? null : 0),
        reasoning: thoughtsTokenCount ?? null,
        searches,
      }
    }
  }
}

/** Usage reports in one event or whole body, wherever the dialect puts them. */
function reportsOf(data: Json): Json[] {
  if (data === undefined || data === null) return []
  return [data.usage, data.response?.usage, data.message?.usage, data.usageMetadata, data.x_groq?.usage]
}

function expectedTold({ protocol, file, answer, isSse }: Recording): { usage: Usage; raw: Json | null } {
  const isCount = file === 'anthropic-count-tokens' || file === 'gemini-count-tokens'
  // A count is the result; nothing was used.
  if (isCount) return { usage: { ...NOTHING, input: 0, output: 0 }, raw: null }
  const bodies: Json[] = isSse ? parseEvents(answer).map(({ data }) => data) : [JSON.parse(answer)].flat()
  const reports = bodies.flatMap(reportsOf).filter((report) => report !== undefined && report !== null)
  const raw = mergeReports(protocol.id === 'anthropic-messages' ? reports : reports.slice(-1))
  const tools = bodies.map((body) => (body?.response ?? body)?.tool_usage?.web_search?.num_requests)
  const looked = bodies
    .flatMap((body) => body?.candidates ?? [])
    .map(({ groundingMetadata }: Json) => new Set(groundingMetadata?.webSearchQueries?.filter(Boolean)).size)
  const searches = [...tools, ...looked.map((count) => count || undefined)].findLast((count) => count !== undefined)
  return { usage: plainUsage(protocol.id, raw, searches ?? null), raw }
}

// ── The relay, fed with the recording in pieces; the client's end takes everything and keeps it.

function relay({ protocol, provider, isSse, file, answer }: Recording, usageInjected: boolean): Relayed {
  const shape = isSse ? 'events' : file === 'gemini-stream' && answer.startsWith('[') ? 'array' : 'whole'
  const bytes = Buffer.from(answer)
  const cuts = Array.from({ length: random.below(60) }, () => random.below(bytes.length))
  const relayed = relayPieces({ protocol, provider, shape, usageInjected }, cutBytes(bytes, cuts))
  expect(relayed.failed).toBe(false)
  return relayed
}

describe.skipIf(!recordingsAvailable)('usage', () => {
  test.each(RECORDING_FILES)(
    '%s: the meter reads what the whole recording says, and keeps the usage object as it stands there',
    (file) => {
      const mine = answers.filter((recording) => recording.file === file)
      const wrong: unknown[] = []
      for (const recording of mine) {
        const { usage: expected, raw } = expectedTold(recording)
        for (let split = 0; split < SPLITS; split++) {
          const injected = file === 'openai-chat' && recording.isSse && split % 2 === 1
          const { usage, rawUsage } = relay(recording, injected)
          const kept: Json = rawUsage === null ? null : JSON.parse(rawUsage)
          if (!isSame(usage, expected)) wrong.push({ id: recording.id, injected, seed: random.seed, usage, expected })
          if (!isDeepStrictEqual(kept, raw)) wrong.push({ id: recording.id, injected, seed: random.seed, kept, raw })
        }
      }
      expect(wrong).toEqual([])
      expect(mine.length).toBeGreaterThan(0)
    },
  )

  test('most recordings tell their usage, so that the law above has something to hold', () => {
    const told = answers.filter((recording) => expectedTold(recording).usage.input !== null)
    expect(told.length / answers.length).toBeGreaterThan(0.8)
  })
})

const isSame = (a: Usage, b: Usage): boolean =>
  (Object.keys(NOTHING) as (keyof Usage)[]).every((name) => a[name] === b[name])

// ── Endings.

/** Is this the event from which on the answer is whole? */
function isTerminal(dialect: string, { text, data }: PlainEvent): boolean {
  if (data?.error !== undefined && data.error !== null) return true
  switch (dialect) {
    case 'openai-chat':
      return (
        /^data: ?\[DONE\]/m.test(text) ||
        (data?.choices ?? []).some((choice: Json) => typeof choice.finish_reason === 'string')
      )
    case 'openai-responses':
      return ['response.completed', 'response.incomplete', 'response.failed', 'error'].includes(data?.type)
    case 'anthropic-messages':
      return data?.type === 'message_stop' || data?.type === 'error'
    default:
      return (
        data?.promptFeedback?.blockReason !== undefined ||
        (data?.candidates ?? []).some((candidate: Json) => candidate.finishReason !== undefined)
      )
  }
}

describe.skipIf(!recordingsAvailable)('endings', () => {
  const streams = answers.filter(({ isSse }) => isSse)

  test('every recording is whole', () => {
    const broken = answers.filter((recording) => !relay(recording, false).complete)
    expect(broken.map(({ id }) => id)).toEqual([])
  })

  test.each([...new Set(streams.map(({ protocol }) => protocol))].map((protocol) => [protocol.id, protocol] as const))(
    '%s: no part cut before the terminal event is whole, and none cut behind it is broken',
    (id, protocol) => {
      const wrong: string[] = []
      let cuts = 0
      for (const recording of streams.filter((stream) => stream.protocol === protocol)) {
        const bytes = Buffer.from(recording.answer)
        const tap = new SseTap(protocol.stream.marks)
        let ended = false
        for (let start = 0; ; cuts++) {
          const end = endOfEvent(bytes, start)
          if (end === -1) break
          const event = bytes.subarray(start, end)
          tap.push(event)
          ended ||= parseEvents(event.toString()).some((parsed) => isTerminal(id, parsed))
          const { lastEventHead, tail, marked } = tap
          const complete = protocol.stream.isComplete({ lastEventHead, tail, marked })
          if (complete !== ended) wrong.push(`${recording.id} at ${end} of ${bytes.length}: ${complete}, not ${ended}`)
          start = end
        }
      }
      expect(wrong).toEqual([])
      expect(cuts).toBeGreaterThan(100)
    },
  )
})
