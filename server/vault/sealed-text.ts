// The text form of a sealed value: `ur1.<kid>.<wrapped>.<data>`. Parsing is strict, so that one value has one spelling:
// anything else is corrupt, the seed's format included (in our own table it would be a downgrade).

export interface SealedParts {
  readonly kid: string
  /** The data key under the master key. */
  readonly wrapped: Buffer
  /** The value under the data key. */
  readonly data: Buffer
}

const KID = /^[0-9a-f]{16}$/
const BASE64URL = /^[A-Za-z0-9_-]+$/
const MAX_TEXT = 8_192
const LOCAL_WRAPPED_BYTES = 60
const MIN_DATA_BYTES = 29
const MAX_DATA_BYTES = 4_124
// The same few texts are parsed again and again; only short ones are kept, so that the kept ones stay a few MB.
const MOST_KEPT = 4_096
const LONGEST_KEPT = 1_024
const keptParts = new Map<string, SealedParts>()

export function isKid(text: string): boolean {
  return KID.test(text)
}

export function formatSealed(parts: SealedParts): string {
  return `ur1.${parts.kid}.${parts.wrapped.toString('base64url')}.${parts.data.toString('base64url')}`
}

/** The parts of a sealed text, undefined for anything that is not exactly one. Shared: to be read only. */
export function parseSealed(text: string): SealedParts | undefined {
  const kept = keptParts.get(text)
  if (kept !== undefined) return kept
  const parts = parseFields(text)
  if (parts === undefined || text.length > LONGEST_KEPT) return parts
  if (keptParts.size >= MOST_KEPT) keptParts.clear()
  // Copies: small buffers are slices of a larger block, which they would keep alive.
  const own = { kid: parts.kid, wrapped: copyBytes(parts.wrapped), data: copyBytes(parts.data) }
  keptParts.set(text, own)
  return own
}

function parseFields(text: string): SealedParts | undefined {
  if (text.length > MAX_TEXT) return undefined
  const fields = text.split('.')
  if (fields.length !== 4) return undefined
  const [format, kid, wrappedText, dataText] = fields as [string, string, string, string]
  if (format !== 'ur1' || !KID.test(kid)) return undefined
  const wrapped = decodeExactly(wrappedText)
  const data = decodeExactly(dataText)
  if (wrapped === undefined || wrapped.length !== LOCAL_WRAPPED_BYTES) return undefined
  if (data === undefined || data.length < MIN_DATA_BYTES || data.length > MAX_DATA_BYTES) return undefined
  return { kid, wrapped, data }
}

function copyBytes(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}

/** Node's decoder also takes a changed last character; only text that encodes back to itself counts. */
function decodeExactly(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
