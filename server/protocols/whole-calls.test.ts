// Half a call is never told as a good one, and never ended before the end of the answer is known.
import { describe, expect, test } from 'vitest'
import type { Finish, StreamEvent } from './canonical.ts'
import { CODECS } from './codecs.ts'
import { collectEvents, eventsOf } from './collect.ts'
import type { ProtocolId } from './protocol.ts'
import { createCallGuard, guardCalls } from './whole-calls.ts'

const answer = (argsText: string, finish: Finish, style: 'json' | 'freeform' = 'json') =>
  ({
    id: 'a',
    model: 'm',
    created: 1,
    finish,
    extensions: {},
    items: [
      { turn: 0, kind: 'text', role: 'assistant', text: 'Warm' },
      { turn: 0, kind: 'call', id: 'c', name: 'f', argsText, style },
      { turn: 0, kind: 'call', id: 'd', name: 'g', argsText: '{}', style: 'json' },
    ],
    usage: collectEvents([]).usage,
  }) as const
const called: Finish = { unified: 'tool_calls', raw: 'tool_calls' }
const CUT = '{"x":"so fa'

function guard(client: ProtocolId, argsText: string, finish: Finish, style?: 'json' | 'freeform') {
  const whole = answer(argsText, finish, style)
  const guarded = createCallGuard(CODECS[client])
  const events: StreamEvent[] = [...eventsOf(whole)].flatMap((event) => guarded.push(event))
  const told = events.findLast((event) => event.type === 'finish')!.finish.unified
  expect(guardCalls(whole, CODECS[client]).finish.unified).toBe(told)
  return { told, events, untouched: events.length === [...eventsOf(whole)].length }
}

const texts: ProtocolId[] = ['openai-chat', 'openai-responses', 'uniroute-chat']
const objects: ProtocolId[] = ['anthropic-messages', 'gemini']

describe('an answer that says it ended well', () => {
  test.each(objects)('%s, which holds arguments as objects, hears that half a call is malformed', (client) => {
    const { told, events } = guard(client, CUT, called)
    expect(told).toBe('malformed')
    // The text has ended; the call that is not whole has not, and nothing behind it has begun.
    expect(events.filter(({ type }) => type === 'part-end').length).toBe(1)
    expect(events.filter(({ type }) => type === 'part-start').length).toBe(2)
    expect(events.some(({ type }) => type === 'usage')).toBe(true)
  })

  test.each(texts)('%s, which holds arguments as text, gets them as they are', (client) => {
    expect(guard(client, CUT, called)).toMatchObject({ told: 'tool_calls', untouched: true })
  })

  test.each([...texts, ...objects])('%s gets whole calls as they are, and freeform ones', (client) => {
    for (const args of ['{"x":1}', '', ' ', '[1]']) {
      expect(guard(client, args, called)).toMatchObject({ told: 'tool_calls', untouched: true })
    }
    expect(guard(client, CUT, called, 'freeform')).toMatchObject({ told: 'tool_calls', untouched: true })
  })
})

test.each([...texts, ...objects])('%s: where the answer was cut short and says so, half a call stays', (client) => {
  for (const unified of ['length', 'context_window', 'content_filter', 'refusal'] as const) {
    expect(guard(client, CUT, { unified, raw: 'x' })).toMatchObject({ told: unified, untouched: true })
  }
})

test.each([...texts, ...objects])('%s: an answer that says nothing of its end ends no half call', (client) => {
  const unsaid: Finish = { unified: 'tool_calls', raw: '', unknown: true }
  expect(guard(client, CUT, unsaid).told).toBe('malformed')
  expect(guard(client, '{"x":1}', unsaid).told).toBe('tool_calls')
})
