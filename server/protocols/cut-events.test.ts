// An event of a provider's stream that was cut, or damaged, loses something nobody can know: the answer ends in an
// error there, in every dialect, and never as if it were whole.
import { describe, expect, test } from 'vitest'
import { parseSseEvent } from '../kernel/sse.ts'
import type { StreamEvent } from './canonical.ts'
import { CODECS } from './codecs.ts'
import { CONSERVATIVE_DIALECT } from './profile.ts'

const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: 'a',
  model: 'm',
  created: 1,
  choices: [{ index: 0, delta, finish_reason }],
})
const text = (delta: string) => ({ type: 'response.output_text.delta', output_index: 0, content_index: 0, delta })
const said = (text: string, more: object = {}) => ({ candidates: [{ content: { parts: [{ text }] }, ...more }] })
const piece = (text: string) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })

/** Streams that say "ab", and up to which event a cut one loses something. */
const STREAMS: Readonly<Record<'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'gemini', object[]>> = {
  'openai-chat': [chunk({ content: 'a' }), chunk({ content: 'b' }), chunk({}, 'stop')],
  'openai-responses': [
    { type: 'response.created', response: { id: 'resp_1', status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: { type: 'message', role: 'assistant', content: [] } },
    text('a'),
    text('b'),
    { type: 'response.completed', response: { id: 'resp_1', status: 'completed', output: [] } },
  ],
  'anthropic-messages': [
    { type: 'message_start', message: { id: 'msg_1', model: 'm', content: [], usage: { input_tokens: 3 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    piece('a'),
    piece('b'),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
    { type: 'message_stop' },
  ],
  gemini: [said('a'), said('b', { finishReason: 'STOP' })],
}

type Dialect = keyof typeof STREAMS
const DIALECTS = Object.keys(STREAMS) as Dialect[]

function decode(dialect: Dialect, frames: readonly string[]): StreamEvent[] {
  const decoder = CODECS[dialect].streamDecoder({
    provider: 'p',
    account: 'k',
    model: 'm',
    restoreTool: (name) => ({ name, style: 'json' }),
    dialect: CONSERVATIVE_DIALECT,
  })
  return [...frames.flatMap((frame) => decoder.push(parseSseEvent(frame))), ...decoder.end()]
}

const frameOf = (event: object): string => {
  const name = 'type' in event ? `event: ${String(event.type)}\n` : ''
  return `${name}data: ${JSON.stringify(event)}\n\n`
}
const endsOf = (events: readonly StreamEvent[]) => events.filter(({ type }) => type === 'finish' || type === 'error')
const saidBy = (events: readonly StreamEvent[]): string =>
  events.map((event) => (event.type === 'part-delta' && event.delta.kind === 'text' ? event.delta.text : '')).join('')

describe.each(DIALECTS)('%s', (dialect) => {
  const frames = STREAMS[dialect].map(frameOf)
  const closing = dialect === 'openai-chat' ? ['data: [DONE]\n\n'] : []

  test('whole, it finishes', () => {
    const events = decode(dialect, [...frames, ...closing])
    expect([saidBy(events), endsOf(events).map(({ type }) => type)]).toEqual(['ab', ['finish']])
  })

  test('cut anywhere in any of its events, it ends in one error and nothing behind it is heard', () => {
    for (const [at, frame] of frames.entries()) {
      const start = frame.indexOf('{') + 1
      for (let cut = start; cut < frame.trimEnd().length; cut++) {
        const damaged = [...frames.slice(0, at), `${frame.slice(0, cut)}\n\n`, ...frames.slice(at + 1), ...closing]
        const events = decode(dialect, damaged)
        expect(endsOf(events), `${at}, ${cut}`).toEqual([
          { type: 'error', error: expect.objectContaining({ status: 502, malformed: true }) },
        ])
        expect(events.at(-1)!.type).toBe('error')
      }
    }
  })

  test.each(['"a"', '5', '[1]', 'true', '<html>'])('an event that holds %s is no answer either', (data) => {
    expect(endsOf(decode(dialect, [`data: ${data}\n\n`, ...frames, ...closing]))).toMatchObject([{ type: 'error' }])
  })

  test('what says nothing is passed over', () => {
    const silence = [': comment\n\n', 'event: ping\n\n', 'event: ping\ndata: 12:00\n\n', 'data:\n\n', 'data: null\n\n']
    const events = decode(dialect, [...silence, ...frames.flatMap((frame) => [frame, ...silence]), ...closing])
    expect([saidBy(events), endsOf(events).map(({ type }) => type)]).toEqual(['ab', ['finish']])
  })
})
