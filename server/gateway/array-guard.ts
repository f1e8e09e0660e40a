// Stands between a provider's JSON array and the client (Gemini streams without `alt=sse`), as the stream guard does
// for events: elements go on when they are whole, so that an error can still be looked through for the key it was asked
// with; one too long to hold goes on as it comes, as far as it does not repeat the key. Bytes are followed, nothing is decoded but what may be an
// error.
import { parseSseEvent } from '../kernel/sse.ts'
import type { StreamFacts, UpstreamError } from '../protocols/protocol.ts'
import { SEAM, type CredentialScan, type GuardedBytes } from './credential-scan.ts'

export interface ArrayGuard {
  /** `progress`: an element ended in these bytes. */
  push(chunk: Buffer): GuardedBytes & { readonly progress: boolean }
  /** What was held back when the stream ended. */
  flush(): Buffer | null
  /** The error that the array begins with. */
  readonly firstError: UpstreamError | null
  /** The latest element reports an error. */
  readonly endedInError: boolean
  /** The array has closed. */
  readonly closed: boolean
}

/** Of an element that is not complete. */
const MOST_HELD = 64 * 1024

const NOTHING = Buffer.alloc(0)

export function createArrayGuard(scan: CredentialScan, stream: Pick<StreamFacts, 'readError'>): ArrayGuard {
  const follower = createFollower()
  let held: Buffer | null = null
  /** The end of what went on of an element too long to hold; null outside one. */
  let passed: Buffer | null = null
  let elements = 0

  /** May this element go on? What stands before it in the array (brackets, commas) is part of `bytes`. */
  function judge(bytes: Buffer): boolean {
    guard.endedInError = false
    if (!bytes.includes('"error"')) return true
    // No JSON string holds a bare line end, so an element is one line of data.
    const text = bytes.toString('utf8').replace(/^[\s,[]+/, '')
    const event = `data: ${text.replace(/[\r\n]+/g, ' ')}\n\n`
    const error = stream.readError(parseSseEvent(event))
    guard.endedInError = error !== null
    if (elements === 0) guard.firstError = error
    return scan.mayRelayEvent(stream, event)
  }

  /** An element too long to hold may turn out to be an error at its very end. */
  function passes(bytes: Buffer, before: Buffer): boolean {
    const seam = Buffer.concat([before, bytes])
    passed = Buffer.from(seam.subarray(-SEAM))
    return scan.isClean(seam)
  }

  // Not getters: V8 puts those of object literals into old space, and one is made for every stream.
  const guard = {
    firstError: null as UpstreamError | null,
    endedInError: false,
    closed: false,
    push(chunk: Buffer) {
      const before = held?.length ?? 0
      const bytes: Buffer = held === null ? chunk : Buffer.concat([held, chunk])
      const ends = follower.push(chunk).map((end) => end + before)
      guard.closed = follower.closed
      held = null
      let start = 0
      for (const end of ends) {
        const element = bytes.subarray(start, end)
        if (passed === null ? !judge(element) : !passes(element, passed)) {
          return { bytes: start === 0 ? null : bytes.subarray(0, start), leak: true, progress: true }
        }
        passed = null
        elements++
        start = end
      }
      const progress = ends.length > 0
      if (passed !== null || bytes.length - start > MOST_HELD) {
        const clean = passes(bytes.subarray(start), passed ?? NOTHING)
        return { bytes: clean ? bytes : start === 0 ? null : bytes.subarray(0, start), leak: !clean, progress }
      }
      if (start < bytes.length) held = bytes.subarray(start)
      return { bytes: start === 0 ? null : bytes.subarray(0, start), leak: false, progress }
    },
    flush() {
      const rest = held
      held = null
      // A torn error cannot be read as one, so nothing torn may repeat the credential.
      return rest !== null && scan.isClean(rest) ? rest : null
    },
  }
  return guard
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENERS = new Set([0x5b, 0x7b])
const CLOSERS = new Set([0x5d, 0x7d])
const OPEN_BRACKET = 0x5b

/** Where elements end, in any cut of the bytes. An answer that is one object instead of an array is its own element. */
function createFollower(): { push(chunk: Buffer): number[]; readonly closed: boolean } {
  let isArray = false
  let begun = false
  let depth = 0
  let inString = false
  let escaped = false

  const follower = {
    closed: false,
    push(chunk: Buffer) {
      const ends: number[] = []
      for (let index = 0; index < chunk.length; index++) {
        const byte = chunk[index]!
        if (escaped) escaped = false
        else if (inString) {
          if (byte === BACKSLASH) escaped = true
          else if (byte === QUOTE) inString = false
        } else if (byte === QUOTE) inString = true
        else if (OPENERS.has(byte)) {
          isArray = begun ? isArray : byte === OPEN_BRACKET
          begun = true
          depth++
        } else if (CLOSERS.has(byte) && depth > 0) {
          depth--
          if (depth === 0 && isArray) follower.closed = true
          else if (depth === (isArray ? 1 : 0)) ends.push(index + 1)
        }
      }
      return ends
    },
  }
  return follower
}
