// Thoughts and their signature stay together, whatever a client shows of them or drops.
import { describe, expect, test } from 'vitest'
import type { Item, Signature, StreamEvent } from '../protocols/canonical.ts'
import { createThoughtSigner, signThoughts, unsealThoughts } from './thoughts.ts'

const signature: Signature = { provider: 'anthropic', account: 'k', model: 'm', kind: 'signature', value: 'S' }
const reasoning = (text: string, signed: Signature): Item => ({ kind: 'reasoning', turn: 0, text, signature: signed })

describe('signing', () => {
  test('a signature in a stream gets the words of its own part', () => {
    const sign = createThoughtSigner(null)
    const events: StreamEvent[] = [0, 1].flatMap((index) => [
      { type: 'part-start', index, part: { kind: 'reasoning' } },
      { type: 'part-delta', index, delta: { kind: 'reasoning', text: `a${index}` } },
      { type: 'part-delta', index, delta: { kind: 'reasoning', text: 'b' } },
      { type: 'part-delta', index, delta: { kind: 'signature', signature } },
      { type: 'part-end', index },
    ])
    const signed = events.flatMap(sign)
    expect(signed.flatMap((event) => (event.type === 'part-delta' ? [event.delta] : []))).toMatchObject([
      { text: 'a0' },
      { text: 'b' },
      { signature: { ...signature, thoughts: 'a0b' } },
      { text: 'a1' },
      { text: 'b' },
      { signature: { ...signature, thoughts: 'a1b' } },
    ])
  })

  test('a whole answer is signed alike; hidden thoughts and state that needs no words stay as they are', () => {
    const hidden = reasoning('', signature)
    const encrypted = reasoning('shown', { ...signature, kind: 'encrypted' })
    const signed = signThoughts([reasoning('shown', signature), hidden, encrypted], null)
    expect(signed).toEqual([reasoning('shown', { ...signature, thoughts: 'shown' }), hidden, encrypted])
  })
})

describe('coming back', () => {
  const sealed = { ...signature, thoughts: 'the words' }

  test.each([
    ['', 'lost'],
    ['the wo', 'cut'],
    ['the words', 'whole'],
  ])('thoughts %j (%s) are what they were', (text) => {
    expect(unsealThoughts([reasoning(text, sealed)], 'anthropic')).toEqual([reasoning('the words', signature)])
  })

  test('another provider never reads them', () => {
    expect(unsealThoughts([reasoning('', sealed)], 'google')).toEqual([reasoning('', signature)])
  })
})

describe('thoughts that nobody signed', () => {
  const thinker = { provider: 'deepseek', account: 'k', model: 'm' }
  const envelope = { ...thinker, kind: 'unsigned', value: '', thoughts: 'hm, so' }
  const bare: Item = { kind: 'reasoning', turn: 0, text: 'hm, so' }
  const stream = (state: Signature | null): StreamEvent[] => [
    { type: 'part-start', index: 0, part: { kind: 'reasoning' } },
    { type: 'part-delta', index: 0, delta: { kind: 'reasoning', text: 'hm, ' } },
    { type: 'part-delta', index: 0, delta: { kind: 'reasoning', text: 'so' } },
    ...(state ? [{ type: 'part-delta', index: 0, delta: { kind: 'signature', signature: state } } as const] : []),
    { type: 'part-end', index: 0 },
    { type: 'part-start', index: 1, part: { kind: 'text' } },
    { type: 'part-delta', index: 1, delta: { kind: 'text', text: 'Yes' } },
    { type: 'part-end', index: 1 },
  ]
  const signaturesIn = (events: StreamEvent[]): Signature[] =>
    events.flatMap((event) =>
      event.type === 'part-delta' && event.delta.kind === 'signature' ? [event.delta.signature] : [],
    )

  test('get an envelope before their part ends, where the client wants one', () => {
    const signed = stream(null).flatMap(createThoughtSigner(thinker))
    expect(signaturesIn(signed)).toEqual([envelope])
    expect(signed.map(({ type }) => type).indexOf('part-end')).toBe(4)
    expect(signThoughts([bare], thinker)).toEqual([{ ...bare, signature: envelope }])
  })

  test('stay as they are for other clients; a signature of the provider is never doubled', () => {
    expect(stream(null).flatMap(createThoughtSigner(null))).toEqual(stream(null))
    expect(signThoughts([bare], null)).toEqual([bare])
    expect(signaturesIn(stream(signature).flatMap(createThoughtSigner(thinker)))).toHaveLength(1)
  })

  test('come back bare and whole to who thought them, and stay marked as another one’s elsewhere', () => {
    const back = { ...reasoning('hm', envelope as Signature) }
    expect(unsealThoughts([back], 'deepseek')).toEqual([bare])
    expect(unsealThoughts([back], 'openai')[0]!.signature).toEqual({ ...thinker, kind: 'unsigned', value: '' })
  })
})
