// Sealed reasoning state: whose it is decides whether it opens; what a client dropped is put back.
import { describe, expect, test } from 'vitest'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../kernel/clock.ts'
import type { Item, Signature } from '../protocols/canonical.ts'
import { createReasoningState } from './reasoning-state.ts'

const signature: Signature = { provider: 'anthropic', account: '01K', model: 'm', kind: 'signature', value: 'c2ln' }
const state = (): ReturnType<typeof createReasoningState> =>
  createReasoningState({ secret: randomBytes(32), clock: systemClock })

describe('the envelope', () => {
  test('opens for its tenant and for nobody else', () => {
    const one = state()
    const text = one.seal('alice', signature)
    expect(one.open('alice', text)).toEqual(signature)
    expect(one.open('bob', text)).toBeNull()
    expect(state().open('alice', text)).toBeNull()
  })

  test('any changed character closes it', () => {
    const one = state()
    const text = one.seal('alice', signature)
    for (let at = 5; at < text.length; at++) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
      expect(one.open('alice', changed)).toBeNull()
    }
    for (const odd of ['', 'urs1.', 'urs1.AAAA', 'urs2.' + text.slice(5), text.slice(0, 20)])
      expect(one.open('alice', odd)).toBeNull()
  })

  test('carries the thoughts that a signature stands for', () => {
    const one = state()
    const signed = { ...signature, thoughts: 'I think 🙂' }
    expect(one.open('alice', one.seal('alice', signed))).toEqual(signed)
  })

  test('no word of the state can be read in it', () => {
    expect(state().seal('alice', signature)).not.toMatch(/anthropic|c2ln/)
  })
})

describe('the store', () => {
  const answer: Item[] = [
    { kind: 'reasoning', turn: 0, text: 'thinking', signature },
    { kind: 'call', turn: 0, id: 'c1', name: 'f', argsText: '{}', style: 'json' },
    {
      kind: 'call',
      turn: 0,
      id: 'c2',
      name: 'f',
      argsText: '{}',
      style: 'json',
      signature: { ...signature, kind: 'thought' },
    },
  ]
  const bare: Item[] = [
    { kind: 'text', turn: 0, role: 'user', text: 'go' },
    { kind: 'text', turn: 1, role: 'assistant', text: 'I call.' },
    { kind: 'call', turn: 1, id: 'c1', name: 'f', argsText: '{}', style: 'json' },
    { kind: 'call', turn: 1, id: 'c2', name: 'f', argsText: '{}', style: 'json' },
  ]

  test('readable thoughts are never kept, nor what is worth nothing without them', () => {
    const one = state()
    one.remember('alice', [
      { kind: 'reasoning', turn: 0, text: 'hm', signature: { ...signature, thoughts: 'hm' } },
      { kind: 'call', turn: 0, id: 'c1', name: 'f', argsText: '{}', style: 'json' },
    ])
    expect(one.size).toBe(0)
    expect(one.restore('alice', bare)).toEqual(bare)
  })

  test('signed thoughts come back in front of their turn, a call gets its own signature', () => {
    const one = state()
    one.remember('alice', answer)
    const restored = one.restore('alice', bare)
    expect(restored.map(({ kind }) => kind)).toEqual(['text', 'reasoning', 'text', 'call', 'call'])
    expect(restored[1]).toMatchObject({ text: '', signature })
    expect(restored[3]!.signature).toBeUndefined()
    expect(restored[4]!.signature).toMatchObject({ kind: 'thought' })
  })

  test('nothing is added where the client kept it, nor for another tenant', () => {
    const one = state()
    one.remember('alice', answer)
    const kept: Item[] = [{ kind: 'reasoning', turn: 1, text: 'thinking', signature }, ...bare.slice(1)]
    expect(one.restore('alice', kept).filter(({ kind }) => kind === 'reasoning')).toHaveLength(1)
    expect(one.restore('bob', bare)).toEqual(bare)
  })
})
