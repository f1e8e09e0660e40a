// Does something a provider said repeat the credential it was asked with? Looked for as it is, in every JSON and URL
// spelling, in base64, and in pieces: a run of twelve characters behind the public prefix is too much. A prefix with
// the last four, as in the vendors' own masks, is not.
// Invariant: only the Secret is kept. Its text, and what is derived from it, live for one call. Meant for what is rare
// and small (error bodies, headers, error events), not for the content of answers.
import { endOfEvent, parseSseEvent } from '../kernel/sse.ts'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import type { StreamFacts } from '../protocols/protocol.ts'

export interface CredentialScan {
  /** An error body, as it came. */
  isClean(bytes: Buffer): boolean
  /** A header's value, or any other text. */
  cleanHeader(value: string): boolean
  /** May this event of a stream go on as it is? Every event that is no error may. */
  mayRelayEvent(stream: Pick<StreamFacts, 'readError'>, event: string): boolean
}

/** Characters of the credential in a row that give too much of it away. */
const LONGEST_PIECE = 12
/** Base64 characters that a run of twelve bytes fills whatever its alignment: three full groups of four. */
const LONGEST_BASE64_PIECE = 12
/** What no spelling of a key without these characters reaches over. */
const BREAK = '\\s"{}[\\]:,'
const BREAKS = new RegExp(`[${BREAK}]`)
const LONG_WORDS = new RegExp(`[^${BREAK}]{${LONGEST_PIECE},}`, 'g')
/**
 * Long names in the usage objects of every answer: the vendors' own, and no one's key. One that is missing costs time
 * only.
 */
const USAGE_WORDS: ReadonlySet<string> = new Set(
  `accepted_prediction_tokens audio_tokens cache_creation cache_creation_input_tokens cache_read_input_tokens
  cache_write_tokens cached_tokens cachedContentTokenCount cacheTokensDetails candidatesTokenCount
  candidatesTokensDetails completion_tokens completion_tokens_details cost_details cost_in_usd_ticks
  ephemeral_1h_input_tokens ephemeral_5m_input_tokens image_tokens inference_geo input_tokens input_tokens_details
  num_sources_used output_tokens output_tokens_details prompt_cache_hit_tokens prompt_cache_miss_tokens prompt_tokens
  prompt_tokens_details promptTokenCount promptTokensDetails reasoning_tokens rejected_prediction_tokens server_tool_use
  service_tier thinking_tokens thoughtsTokenCount toolUsePromptTokenCount toolUsePromptTokensDetails total_tokens
  totalTokenCount upstream_inference_completions_cost upstream_inference_cost upstream_inference_prompt_cost
  video_tokens web_fetch_requests web_search_requests`.split(/\s+/),
)
/** Escapings within each other that are taken off. */
const DEEPEST_ESCAPE = 3

/** `keyPrefixes`: the beginnings of keys that are public, of the provider asked. */
export function createCredentialScan(secret: Secret | null, keyPrefixes: readonly string[] = []): CredentialScan {
  const cleanHeader = (value: string): boolean => secret === null || !repeats(value, revealSecret(secret), keyPrefixes)
  return {
    isClean: (bytes) => secret === null || cleanHeader(bytes.toString('latin1')),
    cleanHeader,
    mayRelayEvent: (stream, event) =>
      secret === null || stream.readError(parseSseEvent(event)) === null || cleanHeader(event),
  }
}

function repeats(text: string, credential: string, keyPrefixes: readonly string[]): boolean {
  // A credential beyond ASCII reads in `text` as its bytes do.
  const key = Buffer.from(credential).toString('latin1')
  if (key === '') return false
  const prefix = keyPrefixes.reduce(
    (found, each) => (key.startsWith(each) && each.length > found.length ? each : found),
    '',
  )
  const body = key.slice(prefix.length)
  if (body.length >= LONGEST_PIECE && hasNoRoom(text, key)) return false
  const pieces = body.length < LONGEST_PIECE ? [] : [collectRuns(body, LONGEST_PIECE)]
  const encoded = pieces.length === 0 ? [] : encodeBase64(body).map((each) => collectRuns(each, LONGEST_BASE64_PIECE))
  for (const view of viewsOf(text)) {
    if (view.includes(key) || pieces.some((piece) => sharesRun(view, piece))) return true
    const base64 = view.replace(/[-_]/g, (char) => (char === '-' ? '+' : '/'))
    if (encoded.some((piece) => sharesRun(base64, piece))) return true
    // A short key is looked for whole.
    if (pieces.length === 0 && encodeBase64(key).some((each) => each.length >= 8 && base64.includes(each))) return true
  }
  return false
}

/**
 * Every spelling of a piece is one long word, and the text has none but names: so it is with nearly every usage object.
 */
function hasNoRoom(text: string, key: string): boolean {
  if (BREAKS.test(key)) return false
  LONG_WORDS.lastIndex = 0
  for (;;) {
    const word = LONG_WORDS.exec(text)?.[0]
    if (word === undefined) return true
    if (!USAGE_WORDS.has(word)) return false
  }
}

/** The text, and what it says with JSON and URL escapes taken off, alone and in each other. */
function viewsOf(text: string): Set<string> {
  const views = new Set([text])
  let latest = [text]
  for (let round = 0; round < DEEPEST_ESCAPE; round++) {
    const found: string[] = []
    for (const view of latest) {
      for (const read of [unescapeJson(view), unescapeUrl(view)]) {
        if (views.has(read)) continue
        views.add(read)
        found.push(read)
      }
    }
    if (found.length === 0) break
    latest = found
  }
  return views
}

function unescapeJson(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(?:u([0-9a-f]{4})|([^u]))/gi, (_, code: string | undefined, char: string) =>
    code === undefined ? char : String.fromCharCode(Number.parseInt(code, 16)),
  )
}

function unescapeUrl(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** What stands in base64 text that contains these characters, for each of the three places they can begin at. */
function encodeBase64(characters: string): string[] {
  return [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(characters, 'latin1')])
    // Characters that also hold bits of what stands before and behind are left out.
    return bytes.toString('base64').slice(Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6))
  })
}

interface Runs {
  /** Characters in a row that are too many. */
  readonly length: number
  /** All pieces of the source of half that length, and of the whole. */
  readonly halves: ReadonlySet<string>
  readonly wholes: ReadonlySet<string>
}

// Any run of n characters contains a whole block of n/2 that begins at a multiple of n/2: so only those places of a
// long text are looked up, and round a hit the few runs that hold it. What it costs depends on the text's length alone:
// whoever chooses key and text could make a hit of every place.
function collectRuns(source: string, length: number): Runs {
  const piecesOf = (size: number): Set<string> =>
    new Set(Array.from({ length: Math.max(0, source.length - size + 1) }, (_, at) => source.slice(at, at + size)))
  return { length, halves: piecesOf(length / 2), wholes: piecesOf(length) }
}

function sharesRun(text: string, { length, halves, wholes }: Runs): boolean {
  const size = length / 2
  for (let at = 0; at + size <= text.length; at += size) {
    if (!halves.has(text.slice(at, at + size))) continue
    for (let start = Math.max(0, at - size); start <= at; start++) {
      if (wholes.has(text.slice(start, start + length))) return true
    }
  }
  return false
}

/** What may go on to the client now, and whether the provider's error behind it must not. */
export interface GuardedBytes {
  readonly bytes: Buffer | null
  readonly leak: boolean
}

export interface StreamGuard {
  push(chunk: Buffer): GuardedBytes
  /** What was held back when the stream ended. */
  flush(): GuardedBytes
}

/** Of an event that is not complete. What goes on of a longer one is looked through as if it were an error. */
const MOST_HELD = 64 * 1024
/** What waits for its end may wait long: it keeps no larger buffer in memory with it. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

/**
 * Kept of what went on of something too long to hold: more than any spelling of a piece that is too much, and than a
 * blank line.
 */
export const SEAM = 1024

/**
 * Stands between a provider's event stream and the client. Events go on as they come, an incomplete one is held until
 * it is whole; one that reports an error and repeats the credential stops everything (`leak`). One too long to hold may
 * turn out to be an error at its very end, so it is stopped where it repeats the credential, whatever it reports.
 */
export function createStreamGuard(scan: CredentialScan, stream: Pick<StreamFacts, 'readError'>): StreamGuard {
  let held: Buffer | null = null
  /** The end of what went on of an event too long to hold; null outside one. */
  let passed: Buffer | null = null

  function judge(bytes: Buffer): GuardedBytes {
    // Ordinary content costs two searches of the bytes.
    if (!bytes.includes('error') && !bytes.includes('failed')) return { bytes, leak: false }
    let start = 0
    while (start < bytes.length) {
      const found = endOfEvent(bytes, start)
      const end = found === -1 ? bytes.length : found
      if (!scan.mayRelayEvent(stream, bytes.toString('utf8', start, end))) {
        return { bytes: start === 0 ? null : bytes.subarray(0, start), leak: true }
      }
      start = end
    }
    return { bytes, leak: false }
  }

  function push(chunk: Buffer): GuardedBytes {
    if (passed !== null) return passOn(chunk, passed)
    const bytes: Buffer = held === null ? chunk : Buffer.concat([held, chunk])
    const end = endOfLastEvent(bytes)
    if (bytes.length - end > MOST_HELD) {
      held = null
      passed = copyOf(bytes.subarray(-SEAM))
      const whole = end === 0 ? { bytes: null, leak: false } : judge(bytes.subarray(0, end))
      if (whole.leak || !scan.isClean(bytes.subarray(end))) return { bytes: whole.bytes, leak: true }
      return { bytes, leak: false }
    }
    held = end === bytes.length ? null : copyOf(bytes.subarray(end))
    return end === 0 ? { bytes: null, leak: false } : judge(bytes.subarray(0, end))
  }

  /** The rest of an event too long to hold goes on as it comes; what stands behind it is looked at as ever. */
  function passOn(chunk: Buffer, before: Buffer): GuardedBytes {
    const seam = Buffer.concat([before, chunk])
    const found = endOfEvent(seam, 0)
    passed = found === -1 ? copyOf(seam.subarray(-SEAM)) : null
    if (!scan.isClean(found === -1 ? seam : seam.subarray(0, found))) return { bytes: null, leak: true }
    if (found === -1) return { bytes: chunk, leak: false }
    const end = Math.max(0, found - before.length)
    const rest = push(chunk.subarray(end))
    return end === 0 ? rest : { bytes: chunk.subarray(0, end + (rest.bytes?.length ?? 0)), leak: rest.leak }
  }

  return {
    push,
    flush() {
      const bytes = held
      held = null
      if (bytes === null) return { bytes, leak: false }
      // A torn error cannot be read as one, so nothing torn may repeat the credential.
      const judged = judge(bytes)
      return judged.leak || scan.isClean(bytes) ? judged : { bytes: null, leak: true }
    },
  }
}

/** Offset behind the last blank line; 0 where there is none. Line ends may be LF, CRLF or CR. */
function endOfLastEvent(bytes: Buffer): number {
  const blankLines = bytes.includes('\r') ? ['\n\n', '\n\r\n', '\r\r'] : ['\n\n']
  let end = 0
  for (const blank of blankLines) {
    const at = bytes.lastIndexOf(blank)
    if (at !== -1) end = Math.max(end, at + blank.length)
  }
  return end
}
