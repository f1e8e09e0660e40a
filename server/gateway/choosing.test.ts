// Among targets: prices for this very request, speeds as seen, and a conversation that stays where it was served.
import { describe, expect, test } from 'vitest'
import { createMovableClock } from '../../test/support/account-rooms.ts'
import type { ModelTarget } from '../catalog/choices.ts'
import { createPrices } from '../catalog/prices.ts'
import { readRequestFacts } from '../protocols/request-facts.ts'
import { createChoosing, type ChosenFor } from './choosing.ts'

const target = (provider: string, model: string, weight = 1): ModelTarget => ({ provider, model, weight })
const OPUS = target('anthropic', 'claude-opus-4-5')
const MINI = target('openai', 'gpt-4o-mini')
const LAB = target('lab', 'llama-of-our-own')
const TARGETS = [LAB, OPUS, MINI]

function openRoom() {
  const clock = createMovableClock()
  const choosing = createChoosing({ prices: createPrices({ clock }), clock })
  const serve = ({ provider, model }: ModelTarget, ms: number, conversation: string | null = null, streamed = false) =>
    choosing.noteServed(
      { provider: { id: provider }, model, streamed, operation: { task: 'generate' }, conversation },
      ms,
    )
  return { clock, choosing, serve }
}

const request = (fields: Partial<ChosenFor> & { body?: object } = {}): ChosenFor => {
  const { body = { messages: [{ role: 'user', content: 'Hi' }] }, ...others } = fields
  const facts = () => readRequestFacts(body)
  const base = { userId: 'ann', requestId: 'r1', headers: {}, streamed: false, promptTokens: 100, maxOutput: null }
  return { ...base, chance: 0.5, facts, ...others }
}
const turns = (...roles: string[]) => ({ messages: roles.map((role) => ({ role, content: `says ${role}` })) })

test('the cheapest by list price goes first, an unknown price last', () => {
  expect(openRoom().choosing.order('cost', TARGETS, request())).toEqual([MINI, OPUS, LAB])
})

describe('the fastest', () => {
  test('is known from what was served, streamed and whole apart, for a quarter of an hour', () => {
    const { choosing, clock, serve } = openRoom()
    for (const ms of [900, 100, 200]) serve(OPUS, ms)
    serve(MINI, 300)
    serve(LAB, 1, null, true)
    expect(choosing.order('latency', TARGETS, request())).toEqual([OPUS, MINI, LAB])
    expect(choosing.order('latency', TARGETS, request({ streamed: true }))).toEqual([LAB, OPUS, MINI])
    expect(choosing.order('latency', TARGETS, request({ chance: 0 }))).toEqual([LAB, OPUS, MINI])
    clock.advance(16 * 60_000)
    serve(MINI, 300)
    expect(choosing.order('latency', TARGETS, request())).toEqual([MINI, LAB, OPUS])
  })
})

describe('a conversation', () => {
  test('goes on where it was served, for six hours; another one does not', () => {
    const { choosing, clock, serve } = openRoom()
    const first = request({ body: turns('user') })
    serve(LAB, 5, choosing.conversationOf(first))
    const next = request({ body: turns('user', 'assistant', 'user') })
    expect(choosing.order('cost', TARGETS, next)).toEqual([LAB, MINI, OPUS])
    // The same first words, but a conversation that only begins; and somebody else's.
    expect(choosing.order('cost', TARGETS, first)[0]).toEqual(MINI)
    expect(choosing.order('cost', TARGETS, { ...next, userId: 'bob' })[0]).toEqual(MINI)
    // The listed order is never changed.
    expect(choosing.order('priority', [OPUS, LAB], next)).toEqual([OPUS, LAB])
    clock.advance(6 * 3_600_000)
    expect(choosing.order('cost', TARGETS, next)[0]).toEqual(MINI)
  })

  test.each([
    ['a header of Claude Code', { headers: { 'x-claude-code-session-id': 's1' } }],
    ['the key of a cache', { body: { ...turns('user'), prompt_cache_key: 's1' } }],
  ])('is known by %s from its first turn on', (_name, fields) => {
    const { choosing, serve } = openRoom()
    serve(LAB, 5, choosing.conversationOf(request(fields)))
    expect(choosing.order('cost', TARGETS, request(fields))[0]).toEqual(LAB)
  })

  test('has a name that says nothing about it', () => {
    const { choosing } = openRoom()
    const name = choosing.conversationOf(request({ body: { messages: [{ role: 'user', content: 'MARCO' }] } }))
    expect(name).toMatch(/^[\w-]{43}$/)
    // Without any words each request is its own.
    const bare = (requestId: string) => choosing.conversationOf(request({ requestId, body: {} }))
    expect(bare('r1')).not.toBe(bare('r2'))
  })
})
