// Cuts a stream of bytes into server-sent events for decoding: UTF-8 and line ends whole across reads, any line end,
// a byte-order mark, several data lines. An event larger than the cap is an error, since it is held in memory.
import { endOfEvent, parseSseEvent, type SseEvent } from './sse.ts'

export const LARGEST_EVENT = 16 * 1024 * 1024

export class EventTooLarge extends Error {
  override readonly name = 'EventTooLarge'
}

export interface SseSplitter {
  /** The events completed by these bytes; comments and empty events are left out. Throws EventTooLarge. */
  push(chunk: Buffer): SseEvent[]
  /** A last event without its blank line, where the stream ended so. */
  end(): SseEvent[]
}

export function createSseSplitter(largest: number = LARGEST_EVENT): SseSplitter {
  let parts: Buffer[] = []
  let held = 0
  let first = true

  function read(text: string): SseEvent[] {
    const event = parseSseEvent(first ? text.replace(/^\uFEFF/, '') : text)
    first = false
    return event.data === '' && event.event === null ? [] : [event]
  }

  return {
    push(chunk) {
      parts.push(chunk)
      held += chunk.length
      if (!chunk.includes(0x0a) && !chunk.includes(0x0d)) {
        if (held > largest) throw new EventTooLarge('an event of the stream is too large')
        return []
      }
      const bytes = parts.length === 1 ? chunk : Buffer.concat(parts)
      const events: SseEvent[] = []
      let start = 0
      for (let end = endOfEvent(bytes, start); end !== -1; end = endOfEvent(bytes, start)) {
        events.push(...read(bytes.toString('utf8', start, end)))
        start = end
      }
      const rest = bytes.subarray(start)
      parts = rest.length === 0 ? [] : [rest]
      held = rest.length
      if (held > largest) throw new EventTooLarge('an event of the stream is too large')
      return events
    },
    end() {
      const text = Buffer.concat(parts).toString('utf8')
      parts = []
      held = 0
      return text.trim() === '' ? [] : read(text)
    },
  }
}
