// Thoughts and their signature stay together, whatever a client shows of them or drops.
import { describe, expect, test } from 'vitest'
import type { Item, Signature, StreamEvent } from '../protocols/canonical.ts'
import { createThoughtSigner, signThoughts, unsealThoughts } from './thoughts.ts'

const signature: Signature = { provider: 'anthropic', account: 'k', model: 'm', kind: 'signature', value: 'S' }
const reasoning = (text: string, signed: Signature): Item => ({ kind: 'reasoning', turn: 0, text, signature: signed })

describe('signing', () => {
  test('a signature in a stream gets the words of its own part', () => {
    const sign = createThoughtSigner()
    const events: StreamEvent[] = [0, 1].flatMap((index) => [
      { type: 'part-start', index, part: { kind: 'reasoning' } },
      { type: 'part-delta', index, delta: { kind: 'reasoning', text: `a${index}` } },
      { type: 'part-delta', index, delta: { kind: 'reasoning', text: 'b' } },
      { type: 'part-delta', index, delta: { kind: 'signature', signature } },
      { type: 'part-end', index },
    ])
    const signed = events.map(sign)
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
    const signed = signThoughts([reasoning('shown', signature), hidden, encrypted])
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
