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

export function bindWrap(kid: string, context: WrapContext): Buffer {
  return joinLengthPrefixed('UR1-WRAP', kid, context.ownerType, context.ownerId, context.recordId)
}

export function bindData(record: SealedRecord): Buffer {
  const { ownerType, ownerId, provider, origin, recordId, keyVersion } = record
  return joinLengthPrefixed('UR1-DATA', ownerType, ownerId, provider, origin, recordId, String(keyVersion))
}
