// What a sealed value is bound to. The fields lie under the ciphertext as additional data, so a row moved to another
// owner, provider, host or version does not open. Length prefixes leave no two field lists with the same bytes.

export interface SealedRecord {
  /** `team` is reserved: a leased key stays its owner's. */
  readonly ownerType: 'user' | 'system' | 'team'
  readonly ownerId: string
  readonly provider: string
  /** Empty for built-in and operator-configured endpoints, else the WHATWG origin of the key's own base URL. */
  readonly origin: string
  /** The row's id, without `pk_`. */
  readonly recordId: string
  readonly keyVersion: number
}

/** The fields under a wrapped data key; a KMS gets them as its encryption context. */
export type WrapContext = Pick<SealedRecord, 'ownerType' | 'ownerId' | 'recordId'>

/** Each field as two bytes of length, big-endian, and its UTF-8 bytes; written once, so no copy of a field is left. */
export function joinLengthPrefixed(...fields: readonly string[]): Buffer {
  const lengths = fields.map((field) => Buffer.byteLength(field, 'utf8'))
  if (lengths.some((length) => length > 0xffff)) throw new RangeError('a bound field is longer than 65535 bytes')
  const joined = Buffer.alloc(lengths.reduce((total, length) => total + 2 + length, 0))
  let at = 0
  for (const [index, field] of fields.entries()) {
    at = joined.writeUInt16BE(lengths[index]!, at)
    at += joined.write(field, at, 'utf8')
  }
  return joined
}

interface Bound<Fields> {
  readonly fields: Fields
  readonly bytes: Buffer
}

// The same few records open again and again. Kept bytes hold no secret, and serve only where every field is the same.
const MOST_KEPT = 4_096
const keptWraps = new Map<string, Bound<WrapContext & { readonly kid: string }>>()
const keptData = new Map<string, Bound<SealedRecord>>()

/** Shared by all who ask for the same fields: to be read only. */
export function bindWrap(kid: string, context: WrapContext): Buffer {
  const { ownerType, ownerId, recordId } = context
  const kept = keptWraps.get(recordId)
  if (kept?.fields.kid === kid && kept.fields.ownerType === ownerType && kept.fields.ownerId === ownerId) {
    return kept.bytes
  }
  const bytes = joinLengthPrefixed('UR1-WRAP', kid, ownerType, ownerId, recordId)
  return keep(keptWraps, { fields: { kid, ownerType, ownerId, recordId }, bytes })
}

/** Shared by all who ask for the same fields: to be read only. */
export function bindData(record: SealedRecord): Buffer {
  const { ownerType, ownerId, provider, origin, recordId, keyVersion } = record
  const kept = keptData.get(recordId)
  if (kept !== undefined && isSameRecord(kept.fields, record)) return kept.bytes
  const bytes = joinLengthPrefixed('UR1-DATA', ownerType, ownerId, provider, origin, recordId, String(keyVersion))
  return keep(keptData, { fields: { ownerType, ownerId, provider, origin, recordId, keyVersion }, bytes })
}

function isSameRecord(one: SealedRecord, other: SealedRecord): boolean {
  return (
    one.ownerType === other.ownerType &&
    one.ownerId === other.ownerId &&
    one.provider === other.provider &&
    one.origin === other.origin &&
    one.recordId === other.recordId &&
    one.keyVersion === other.keyVersion
  )
}

function keep<Fields extends { readonly recordId: string }>(
  kept: Map<string, Bound<Fields>>,
  bound: Bound<Fields>,
): Buffer {
  if (kept.size >= MOST_KEPT) kept.clear()
  kept.set(bound.fields.recordId, bound)
  return bound.bytes
}
