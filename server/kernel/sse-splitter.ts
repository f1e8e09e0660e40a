// Cuts a stream of bytes into server-sent events for decoding: UTF-8 and line ends whole across reads, any line end,
// a byte-order mark, several data lines. An event larger than the cap is an error, since it is held in memory.
import { endOfEvent, parseSseEvent, type SseEvent } from './sse.ts'

const LF = 0x0a
const CR = 0x0d
const BLANK_LINE = '\n\n'

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
  /** A CR ends what is held: the next byte says whether an event ended with it. */
  let afterCr = false

  function read(text: string, events: SseEvent[]): void {
    const event = parseSseEvent(first && text.startsWith('\uFEFF') ? text.slice(1) : text)
    first = false
    if (event.data !== '' || event.event !== null) events.push(event)
  }

  /** Takes the whole events at the beginning; the length of them all. */
  function readAll(bytes: Buffer, events: SseEvent[]): number {
    if (bytes.includes(CR)) {
      let start = 0
      for (let end = endOfEvent(bytes, start); end !== -1; end = endOfEvent(bytes, start)) {
        read(bytes.toString('utf8', start, end), events)
        start = end
      }
      return start
    }
    // With one kind of line end, all whole events become text at once.
    const last = bytes.lastIndexOf(BLANK_LINE)
    if (last === -1) return 0
    const length = last + BLANK_LINE.length
    const text = bytes.toString('utf8', 0, length)
    let start = 0
    for (let end = text.indexOf(BLANK_LINE); end !== -1; end = text.indexOf(BLANK_LINE, start)) {
      read(text.slice(start, end), events)
      start = end + BLANK_LINE.length
    }
    // Of an odd number of line ends the last begins the next event.
    return length - (text.length - start)
  }

  return {
    push(chunk) {
      parts.push(chunk)
      held += chunk.length
      if (!afterCr && !chunk.includes(LF) && !chunk.includes(CR)) {
        if (held > largest) throw new EventTooLarge('an event of the stream is too large')
        return []
      }
      const bytes = parts.length === 1 ? chunk : Buffer.concat(parts)
      const events: SseEvent[] = []
      const rest = bytes.subarray(readAll(bytes, events))
      parts = rest.length === 0 ? [] : [rest]
      held = rest.length
      afterCr = rest[held - 1] === CR
      if (held > largest) throw new EventTooLarge('an event of the stream is too large')
      return events
    },
    end() {
      const text = Buffer.concat(parts).toString('utf8')
      parts = []
      held = 0
      const events: SseEvent[] = []
      if (text.trim() !== '') read(text, events)
      return events
    },
  }
}
