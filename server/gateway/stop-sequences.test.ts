// However the text is cut into deltas, it ends before the first stop sequence, and nothing is lost without one.
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { RUNS } from '../../test/support/properties.ts'
import type { StreamEvent } from '../protocols/canonical.ts'
import { createStopEnforcer } from './stop-sequences.ts'

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\n'), maxLength: 40 })

function run(pieces: readonly string[], sequences: readonly string[]): { text: string; events: StreamEvent[] } {
  const enforcer = createStopEnforcer(sequences)
  const events: StreamEvent[] = [
    { type: 'part-start', index: 0, part: { kind: 'text' } },
    ...pieces.map((text) => ({ type: 'part-delta', index: 0, delta: { kind: 'text', text } }) as const),
    { type: 'part-end', index: 0 },
    { type: 'finish', finish: { unified: 'stop', raw: 'stop' } },
  ]
  const out = events.flatMap((event) => enforcer.push(event))
  const text = out
    .map((event) => (event.type === 'part-delta' && event.delta.kind === 'text' ? event.delta.text : ''))
    .join('')
  return { text, events: out }
}

describe('createStopEnforcer', () => {
  test('cuts at the first sequence, whatever the split', () => {
    fc.assert(
      fc.property(
        fc.array(letters),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 4 }), { maxLength: 4 }),
        (pieces, sequences) => {
          const whole = pieces.join('')
          // A provider stops at the first character with which some sequence is complete.
          const places = sequences
            .map((sequence) => ({ at: whole.indexOf(sequence), length: sequence.length }))
            .filter(({ at }) => at !== -1)
            .toSorted((a, b) => a.at + a.length - b.at - b.length || a.at - b.at)
          const { text, events } = run(pieces, sequences)
          expect(text).toBe(places.length === 0 ? whole : whole.slice(0, places[0]!.at))
          expect(events.filter(({ type }) => type === 'part-end')).toHaveLength(1)
          const finish = events.filter((event) => event.type === 'finish')
          expect(finish.map((event) => event.finish.unified)).toEqual([places.length === 0 ? 'stop' : 'stop_sequence'])
        },
      ),
      RUNS,
    )
  })
})
