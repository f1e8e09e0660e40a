// Stop sequences for providers that have none: the longest beginning of one is held back, the text is cut where one
// completes, and the answer ends as if the provider had stopped there.
import type { StreamEvent } from '../protocols/canonical.ts'

export interface StopEnforcer {
  /** The events to pass on; after `met` nothing more comes out. */
  push(event: StreamEvent): StreamEvent[]
  /** The sequence that was met; null before. */
  met(): string | null
}

export function createStopEnforcer(sequences: readonly string[]): StopEnforcer {
  const wanted = sequences.filter((sequence) => sequence !== '')
  let held = ''
  let textIndex: number | null = null
  let met: string | null = null

  function textDelta(index: number, text: string): StreamEvent[] {
    return text === '' ? [] : [{ type: 'part-delta', index, delta: { kind: 'text', text } }]
  }

  function pushText(index: number, text: string): StreamEvent[] {
    const all = held + text
    const found = firstOf(all, wanted)
    if (found) {
      met = found.sequence
      held = ''
      return [
        ...textDelta(index, all.slice(0, found.at)),
        { type: 'part-end', index },
        { type: 'finish', finish: { unified: 'stop_sequence', raw: '', sequence: met } },
      ]
    }
    const keep = longestBeginning(all, wanted)
    held = all.slice(all.length - keep)
    return textDelta(index, all.slice(0, all.length - keep))
  }

  return {
    push(event) {
      if (met !== null) return []
      if (event.type === 'part-start') textIndex = event.part.kind === 'text' ? event.index : null
      if (event.type === 'part-delta' && event.delta.kind === 'text' && event.index === textIndex) {
        return pushText(event.index, event.delta.text)
      }
      if (event.type === 'part-end' && event.index === textIndex) {
        const rest = textDelta(event.index, held)
        held = ''
        textIndex = null
        return [...rest, event]
      }
      return [event]
    },
    met: () => met,
  }
}

/** The one that completes first, as a provider would have stopped there; of two that complete together, the longer. */
function firstOf(text: string, sequences: readonly string[]): { at: number; sequence: string } | null {
  let best: { at: number; sequence: string } | null = null
  for (const sequence of sequences) {
    const at = text.indexOf(sequence)
    if (at === -1) continue
    const later = best === null ? 1 : best.at + best.sequence.length - (at + sequence.length)
    if (later > 0 || (later === 0 && at < best!.at)) best = { at, sequence }
  }
  return best
}

/** Length of the longest end of `text` that begins some sequence. */
function longestBeginning(text: string, sequences: readonly string[]): number {
  let longest = 0
  for (const sequence of sequences) {
    for (let length = Math.min(sequence.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(sequence.slice(0, length))) {
        longest = length
        break
      }
    }
  }
  return longest
}
