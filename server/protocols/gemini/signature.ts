// `thoughtSignature`, the slot for reasoning state. The field is bytes, so clients may write base64 in either alphabet;
// a sealed envelope of ours stands in it as standard base64 of its whole text.
import type { Signature } from '../canonical.ts'
import type { RequestDecoding, RequestEncoding } from '../codec.ts'
import { asText } from '../read.ts'

/** What Google's API takes in the place of a signature that was lost. */
export const NO_SIGNATURE = 'skip_thought_signature_validator'

const ENVELOPE = 'urs1.'

/** Base64 in the standard alphabet, padded. */
export function standardBase64(text: string): string {
  if (!/[-_]/.test(text) && text.length % 4 === 0) return text
  const standard = text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '')
  return standard + '='.repeat((4 - (standard.length % 4)) % 4)
}

/** What a client's slot holds; undefined for none, for a stand-in, and for an envelope that is not ours to open. */
export function readSlot(value: unknown, decoding: RequestDecoding): Signature | undefined {
  const text = asText(value)
  if (text === null || text === '' || text === NO_SIGNATURE) return undefined
  const inner = text.startsWith(ENVELOPE) ? text : fromBase64(text)
  if (inner === NO_SIGNATURE) return undefined
  if (!inner.startsWith(ENVELOPE)) {
    return { provider: '', account: '', model: '', kind: 'thought', value: standardBase64(text) }
  }
  const opened = decoding.openEnvelope(inner)
  if (!opened) decoding.losses.drop('reasoning_state', 'the envelope cannot be opened here')
  return opened ?? undefined
}

export function sealSlot(signature: Signature, sealEnvelope: (signature: Signature) => string): string {
  return toBase64(sealEnvelope(signature))
}

/** Did the account that will serve make this state? Anything else is left out, and said so. */
export function isOwnSignature(signature: Signature, encoding: RequestEncoding): boolean {
  const { provider, account, kind } = signature
  const own =
    kind === 'thought' &&
    (provider === '' || provider === encoding.provider) &&
    (account === '' || account === encoding.account)
  if (!own) encoding.losses.drop('reasoning_state', 'it was made by another provider or account')
  return own
}

function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8')
}
