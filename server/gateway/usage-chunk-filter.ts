// Takes the usage chunk out of a Chat stream whose client did not ask for one, and hands it to the meter instead.
// Only whole events are looked at, so an event cut by a read waits for its end; one too long to be the chunk goes on.
import { endOfEvent, parseSseEvent } from '../kernel/sse.ts'
import { asObject, parseJson } from '../protocols/read.ts'

const LF = 0x0a
const CR = 0x0d
const BLANK_LINE = Buffer.from('\n\n')
const LONGEST_USAGE_EVENT = 64 * 1024
const NOTHING = Buffer.alloc(0)
const EMPTY_CHOICES = /"choices"\s*:\s*\[\s*\]/

export interface UsageChunkFilter {
  /** The bytes to forward for these received ones. */
  push(chunk: Buffer): readonly Buffer[]
  /** What was held back at the end. */
  flush(): readonly Buffer[]
  /** The chunk that was taken out, as text; '' before. */
  readonly usageEvent: string
}

export function createUsageChunkFilter(): UsageChunkFilter {
  let held: Buffer = NOTHING
  // Not a getter: V8 puts those of object literals into old space, and one is made for every stream.
  const filter = {
    usageEvent: '',
    push(chunk: Buffer): Buffer[] {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      // Nearly every read: whole events, none of which can be the chunk.
      const plain = endOfPlainEvents(bytes)
      if (plain > 0 && !EMPTY_CHOICES.test(bytes.toString('latin1', 0, plain))) {
        held = restOf(bytes, plain)
        return [plain === bytes.length ? bytes : bytes.subarray(0, plain)]
      }
      const out: Buffer[] = []
      let from = 0 // first byte not yet decided to forward or drop
      let start = 0
      for (;;) {
        const end = endOfEvent(bytes, start)
        if (end === -1) break
        const text = bytes.toString('utf8', start, end)
        if (isUsageChunk(text)) {
          filter.usageEvent = text
          if (start > from) out.push(bytes.subarray(from, start))
          from = end
        }
        start = end
      }
      // Line ends stay behind: they may be half of the blank line that ends the event.
      if (bytes.length - start > LONGEST_USAGE_EVENT) start = Math.max(start, endOfText(bytes))
      if (start > from) out.push(bytes.subarray(from, start))
      held = restOf(bytes, start)
      return out
    },
    flush(): Buffer[] {
      const rest = held
      held = NOTHING
      if (rest.length === 0) return []
      // A CR that waited for its LF is a line end of its own now.
      const text = rest.toString('utf8')
      if (!/[\r\n]\r$/.test(text) || !isUsageChunk(text)) return [rest]
      filter.usageEvent = text
      return []
    },
  }
  return filter
}

/** Nothing of it would keep all of it in memory. */
function restOf(bytes: Buffer, start: number): Buffer {
  return start === bytes.length ? NOTHING : bytes.subarray(start)
}

/** Where the last whole event ends; 0 where none does, where a line may end in CR, or too much is left behind it. */
function endOfPlainEvents(bytes: Buffer): number {
  const blank = bytes.lastIndexOf(BLANK_LINE)
  if (blank === -1 || bytes.includes(CR)) return 0
  const end = blank + BLANK_LINE.length
  return bytes.length - end > LONGEST_USAGE_EVENT ? 0 : end
}

/** Offset behind the last byte that is no line end. */
function endOfText(bytes: Buffer): number {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === LF || bytes[end - 1] === CR)) end--
  return end
}

function isUsageChunk(text: string): boolean {
  if (!EMPTY_CHOICES.test(text)) return false
  const data = asObject(parseJson(parseSseEvent(text).data))
  return Array.isArray(data?.['choices']) && data['choices'].length === 0 && asObject(data['usage']) !== null
}
