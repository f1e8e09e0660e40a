// Sealed reasoning state: whose it is decides whether it opens; what a client dropped is put back.
import { describe, expect, test } from 'vitest'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../kernel/clock.ts'
import type { Item, Signature } from '../protocols/canonical.ts'
import { createReasoningState, type ReasoningState } from './reasoning-state.ts'

const signature: Signature = { provider: 'anthropic', account: '01K', model: 'm', kind: 'signature', value: 'c2ln' }
type Kept = Omit<ReasoningState, 'restore'> & {
  restore(tenant: string, items: readonly Item[], provider?: string): readonly Item[]
}

function state(): Kept {
  const one = createReasoningState({ secret: randomBytes(32), clock: systemClock })
  return {
    ...one,
    restore: (tenant, items, provider = 'anthropic') => one.restore(tenant, items, provider),
    get size() {
      return one.size
    },
  }
}

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

  test('another provider gets nothing that it could not read', () => {
    const one = state()
    one.remember('alice', answer)
    expect(one.restore('alice', bare, 'google')).toEqual(bare)
  })

  test('every call of a turn gets back what led to it', () => {
    const one = state()
    const second = { ...signature, value: 'second' }
    const calls = (turn: number): Item[] =>
      ['c1', 'c2'].map((id) => ({ kind: 'call', turn, id, name: 'f', argsText: '{}', style: 'json' }))
    one.remember('alice', [
      { kind: 'reasoning', turn: 0, text: '', signature },
      calls(0)[0]!,
      { kind: 'reasoning', turn: 0, text: '', signature: second },
      calls(0)[1]!,
    ])
    const restored = one.restore('alice', calls(4))
    expect(restored.map(({ kind, signature: state }) => [kind, state?.value])).toEqual([
      ['reasoning', 'c2ln'],
      ['call', undefined],
      ['reasoning', 'second'],
      ['call', undefined],
    ])
  })
})

describe('turns without calls', () => {
  const said = (text: string, turn = 0): Item => ({ kind: 'text', turn, role: 'assistant', text })
  const thought: Signature = { ...signature, provider: 'google', kind: 'thought', value: 'dGg=' }

  test('are known by their words, however they are cut', () => {
    const one = state()
    one.remember('alice', [{ kind: 'reasoning', turn: 0, text: '', signature }, said('Hello '), said('you.')])
    const restored = one.restore('alice', [said('Hello you.\n', 7)])
    expect(restored).toMatchObject([{ kind: 'reasoning', turn: 7, text: '', signature }, { kind: 'text' }])
    expect(one.restore('alice', [said('Hello me.')])).toEqual([said('Hello me.')])
    expect(one.restore('bob', [said('Hello you.')])).toEqual([said('Hello you.')])
  })

  test('get state back on the text it hung on, and behind it', () => {
    const one = state()
    const behind: Signature = { ...thought, value: 'YmVo' }
    one.remember('alice', [
      { ...said('Yes'), signature: thought },
      { kind: 'reasoning', turn: 0, text: '', signature: behind },
    ])
    const [text, last, ...more] = one.restore('alice', [said('Yes', 3)], 'google')
    expect([text, last, more]).toMatchObject([
      { kind: 'text', signature: thought },
      { kind: 'reasoning', text: '', signature: behind },
      [],
    ])
  })

  test('what the user says in the same words gets nothing', () => {
    const one = state()
    one.remember('alice', [{ kind: 'reasoning', turn: 0, text: '', signature }, said('Hello')])
    const user: Item = { kind: 'text', turn: 1, role: 'user', text: 'Hello' }
    expect(one.restore('alice', [user])).toEqual([user])
  })

  test('calls whose ids a client made up anew are known by what was called', () => {
    const one = state()
    const call = (id: string, argsText: string): Item => ({
      kind: 'call',
      turn: 0,
      style: 'json',
      name: 'f',
      id,
      argsText,
    })
    one.remember('alice', [{ kind: 'reasoning', turn: 0, text: '', signature }, call('toolu_1', '{"x": 1}')])
    expect(one.restore('alice', [call('call_0_0', '{"x":1}')])[0]).toMatchObject({ kind: 'reasoning', signature })
    expect(one.restore('alice', [call('call_0_0', '{"x":2}')])).toHaveLength(1)
  })
})

describe('visible thoughts', () => {
  const shown = (text: string, value: string): Item => ({
    kind: 'reasoning',
    turn: 0,
    text,
    signature: { ...signature, value, thoughts: text },
  })
  const call: Item = { kind: 'call', turn: 2, id: 'c1', name: 'f', argsText: '{}', style: 'json' }
  const bare = (text: string): Item => ({ kind: 'reasoning', turn: 2, text })
  const stored = (): Kept => {
    const one = state()
    one.remember('alice', [shown('First I think.', 'one'), shown('Then more.', 'two'), { ...call, turn: 0 }])
    return one
  }

  test('get their signature back beside the same words, one by one or joined', () => {
    const signed = [
      { text: 'First I think.', signature: { ...signature, value: 'one' } },
      { text: 'Then more.', signature: { ...signature, value: 'two' } },
      { kind: 'call' },
    ]
    expect(stored().restore('alice', [bare('First I think.\n\nThen more.'), call])).toMatchObject(signed)
    expect(stored().restore('alice', [bare('First I think.'), bare('Then more.'), call])).toMatchObject(signed)
  })

  test.each([
    ['changed', ['First I thought.\n\nThen more.']],
    ['cut', ['First I think.']],
    ['longer', ['First I think.\n\nThen more.\n\nAnd more.']],
    ['lost', []],
  ])('%s, they get none, and no word is made up', (_how, texts) => {
    const items = [...texts.map(bare), call]
    expect(stored().restore('alice', items)).toEqual(items)
  })

  test('are not kept themselves', () => {
    const restored = stored().restore('alice', [call])
    expect(JSON.stringify(restored)).not.toContain('think')
  })

  test('a summary that came back stands beside its encrypted state again', () => {
    const one = state()
    const encrypted: Signature = { ...signature, provider: 'openai', kind: 'encrypted', value: 'gAAA' }
    one.remember('alice', [
      { kind: 'reasoning', turn: 0, text: 'A summary', summary: true, signature: encrypted },
      call,
    ])
    expect(one.restore('alice', [bare('A summary'), call], 'openai')).toMatchObject([
      { kind: 'reasoning', text: 'A summary', summary: true, signature: encrypted },
      { kind: 'call' },
    ])
  })

  test('thoughts that nothing signs are not kept at all', () => {
    const one = state()
    const unsigned: Signature = { ...signature, kind: 'unsigned', value: '', thoughts: 'hm' }
    one.remember('alice', [{ kind: 'reasoning', turn: 0, text: 'hm', signature: unsigned }, call])
    expect(one.size).toBe(0)
  })
})

describe('native values', () => {
  test('are known by who made them, to their tenant alone', () => {
    const one = state()
    one.noteProducer('alice', 'EqQB', { provider: 'anthropic', account: 'key1' })
    expect(one.producerOf('alice', 'EqQB')).toEqual({ provider: 'anthropic', account: 'key1' })
    expect(one.producerOf('bob', 'EqQB')).toBeNull()
    expect(one.producerOf('alice', 'EqQC')).toBeNull()
  })
})
