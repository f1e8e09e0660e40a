// Why something sealed does not open, or may not be sealed. It carries the record's id and nothing else: no text of the
// row, no key, no cause that could quote one.
//
// The vault room: everything about secrets at rest as pure arithmetic over bytes. It may import kernel and config and
// must not know SQL or HTTP; rows are written by features/provider-keys, rotation and the registry live in
// features/admin.

export type VaultErrorCode =
  /** The secret that wrapped it is not in this instance's ring. */
  | 'kek_unknown'
  /** Damaged, moved from another row, or in a format refused here. */
  | 'ciphertext_corrupt'
  /** The key has wrapped as often as random nonces allow; only a rotation helps. */
  | 'kek_exhausted'

const SENTENCES: Record<VaultErrorCode, string> = {
  kek_unknown: 'is sealed under a secret this instance does not have',
  ciphertext_corrupt: 'is damaged or belongs to another record',
  kek_exhausted: 'cannot be sealed: the master secret has to be rotated first',
}

export class VaultError extends Error {
  override readonly name = 'VaultError'
  readonly code: VaultErrorCode
  readonly recordId: string

  constructor(code: VaultErrorCode, recordId: string) {
    super(`record ${recordId} ${SENTENCES[code]}`)
    this.code = code
    this.recordId = recordId
  }
}
