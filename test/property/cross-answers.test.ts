// Answers from every dialect to clients of every other: what an answer says is told, or is said to be lost, and a
// stream tells, and loses, what the whole answer does.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChatResponse } from '../../server/protocols/canonical.ts'
import { createLossReport } from '../../server/protocols/codec.ts'
import { CODECS } from '../../server/protocols/codecs.ts'
import { eventsOf } from '../../server/protocols/collect.ts'
import { answers as anthropicAnswers } from '../support/anthropic-arbitraries.ts'
import { answers as chatAnswers } from '../support/chat-arbitraries.ts'
import {
  decodeStream,
  decodingOf,
  type Dialect,
  EMPTY_REQUEST,
  encodeStream,
  encodingOf,
  PAIRS,
} from '../support/cross-dialect.ts'
import { answers as geminiAnswers } from '../support/gemini-arbitraries.ts'
import { RUNS } from '../support/properties.ts'
import { answers as responsesAnswers } from '../support/responses-arbitraries.ts'

const ANSWERS: Readonly<Record<Dialect, fc.Arbitrary<ChatResponse>>> = {
  'openai-chat': chatAnswers,
  'openai-responses': responsesAnswers,
  'anthropic-messages': anthropicAnswers,
  gemini: geminiAnswers,
}

interface Told {
  readonly texts: readonly string[]
  readonly thoughts: string
  readonly calls: readonly string[]
  /** How many. */
  readonly citations: number
  readonly others: number
}

/** What an answer says, kind by kind; in which order is another matter. */
function tell({ items }: ChatResponse): Told {
  const citations = items.flatMap((item) => (item.kind === 'text' ? (item.citations ?? []) : []))
  return {
    texts: items.flatMap((item) => (item.kind === 'text' || item.kind === 'refusal' ? [item.text] : [])),
    thoughts: items.map((item) => (item.kind === 'reasoning' ? item.text : '')).join(''),
    calls: items.flatMap((item) => (item.kind === 'call' ? [item.name] : [])),
    citations: citations.length,
    // Pictures may be told as what a tool of the provider's made.
    others: items.filter(({ kind }) => kind === 'media' || kind === 'opaque').length,
  }
}

/**
 * What is gone, with the names it may be reported by; text and calls never may. Reasoning state without a slot is not
 * lost: the gateway keeps it for the next turn.
 */
function findLost(said: Told, told: Told, to: Dialect): readonly (readonly [kind: keyof Told, words: RegExp])[] {
  const lost: [keyof Told, RegExp][] = []
  if (!said.texts.every((text) => told.texts.join('').includes(text))) lost.push(['texts', /^$/])
  // A namespace stands in front of the name where there are none.
  const called =
    said.calls.length === told.calls.length && told.calls.every((name, at) => name.endsWith(said.calls[at]!))
  if (!called) lost.push(['calls', /^$/])
  // Thoughts that follow each other have a line between them in some dialects.
  if (bare(told.thoughts) !== bare(said.thoughts)) lost.push(['thoughts', /^thoughts$/])
  // Gemini tells its sources at the end, which our reader hangs on a text only while that is the last part.
  if (told.citations < said.citations && to !== 'gemini') lost.push(['citations', /^citations$/])
  if (told.others < said.others) lost.push(['others', /^(?:media|provider_items)$/])
  return lost
}

const bare = (text: string): string => text.replaceAll('\n', '')

const asking = { ...EMPTY_REQUEST, reasoning: { visible: true, include: true } }

function cross(answer: ChatResponse, to: Dialect, streamed: boolean): { told: Told; losses: string[] } {
  const losses = createLossReport()
  const encoding = encodingOf(losses, asking)
  const response = streamed
    ? decodeStream(to, encodeStream(to, eventsOf(answer), encoding), decodingOf()).response
    : readWhole(to, CODECS[to].encodeResponse(answer, encoding))
  return { told: tell(response), losses: losses.losses.map(({ path }) => path) }
}

const readWhole = (dialect: Dialect, body: Record<string, unknown>): ChatResponse =>
  CODECS[dialect].decodeResponse(JSON.parse(JSON.stringify(body)) as Record<string, unknown>, decodingOf())

test.each(PAIRS)('%s to %s: what an answer says is told, or said to be lost', (from, to) => {
  fc.assert(
    fc.property(ANSWERS[from], fc.boolean(), (answer, streamed) => {
      const { told, losses } = cross(answer, to, streamed)
      const said = tell(answer)
      for (const [kind, words] of findLost(said, told, to)) {
        expect(losses, `${kind} is gone: ${JSON.stringify({ said, told })}`).toContainEqual(
          expect.stringMatching(words),
        )
      }
    }),
    RUNS,
  )
})
