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

export function isKid(text: string): boolean {
  return KID.test(text)
}

export function formatSealed(parts: SealedParts): string {
  return `ur1.${parts.kid}.${parts.wrapped.toString('base64url')}.${parts.data.toString('base64url')}`
}

/** The parts of a sealed text, undefined for anything that is not exactly one. Nothing of it is kept. */
export function parseSealed(text: string): SealedParts | undefined {
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

/** Last characters whose bits beyond the last whole byte are zero, by how many characters the last group has. */
const EXACT_ENDS: readonly (RegExp | null)[] = [/^/, null, /[AQgw]$/, /[AEIMQUYcgkosw048]$/]

/** Node's decoder also takes a changed last character; only text that encodes back to itself counts. */
function decodeExactly(text: string): Buffer | undefined {
  if (!BASE64URL.test(text) || !EXACT_ENDS[text.length % 4]?.test(text)) return undefined
  return Buffer.from(text, 'base64url')
}
