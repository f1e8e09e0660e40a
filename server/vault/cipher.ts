// Sealing, opening and re-wrapping one value. Each seal has a data key of its own, used once; the master key wraps only
// that, so a change of master secret rewrites 32 bytes and never exposes the value.
import { openBytes, type RandomSource, sealBytes } from './aes.ts'
import type { Keyring } from './keyring.ts'
import type { LocalKeyWrapper } from './key-wrapper.ts'
import { bindData, type SealedRecord, type WrapContext } from './record.ts'
import { formatSealed, parseSealed, type SealedParts } from './sealed-text.ts'
import { VaultError } from './vault-error.ts'

const DEK_BYTES = 32
const MAX_PLAIN_BYTES = 4_096

export function sealValue(
  wrapper: LocalKeyWrapper,
  record: SealedRecord,
  plain: Uint8Array,
  random: RandomSource,
): string {
  if (plain.length < 1 || plain.length > MAX_PLAIN_BYTES) throw new RangeError('a sealed value has 1 to 4096 bytes')
  const dek = Buffer.from(random(DEK_BYTES))
  const data = sealBytes(dek, plain, bindData(record), random)
  const wrapped = wrapper.wrap(dek, record)
  dek.fill(0)
  return formatSealed({ kid: wrapper.kid, wrapped, data })
}

/** The value, as bytes the caller should zero. `kid` is the column beside the text; the two must agree. */
export function openValue(keyring: Keyring, record: SealedRecord, sealed: string, kid: string): Buffer {
  const { parts, dek } = unwrap(keyring, record, sealed, kid)
  const plain = openBytes(dek, parts.data, bindData(record))
  dek.fill(0)
  if (plain === undefined) throw new VaultError('ciphertext_corrupt', record.recordId)
  return plain
}

/** The same value under another master key of the ring: a new wrap, the data part byte for byte. */
export function rewrapValue(
  keyring: Keyring,
  target: LocalKeyWrapper,
  context: WrapContext,
  sealed: string,
  kid: string,
): string {
  const { parts, dek } = unwrap(keyring, context, sealed, kid)
  const wrapped = target.wrap(dek, context)
  dek.fill(0)
  return formatSealed({ kid: target.kid, wrapped, data: parts.data })
}

function unwrap(
  keyring: Keyring,
  context: WrapContext,
  sealed: string,
  kid: string,
): { parts: SealedParts; dek: Buffer } {
  const parts = parseSealed(sealed)
  if (parts === undefined || parts.kid !== kid) throw new VaultError('ciphertext_corrupt', context.recordId)
  const wrapper = keyring.find(parts.kid)
  if (wrapper === undefined) throw new VaultError('kek_unknown', context.recordId)
  const dek = wrapper.unwrap(parts.wrapped, context)
  if (dek === undefined) throw new VaultError('ciphertext_corrupt', context.recordId)
  return { parts, dek }
}
