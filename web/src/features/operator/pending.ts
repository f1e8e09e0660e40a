// How many values are sealed under another key than the one this installation is meant to seal under.
import type { EncryptionStatus } from '../../../../contract/encryption.ts'

type Picture = Pick<EncryptionStatus, 'active' | 'keys' | 'instances'>

export function countPending({ active, keys, instances }: Picture): number {
  const target = instances[0]?.active_kid
  // Where the instances do not agree, the registry's key is the one that counts.
  const kid = instances.every(({ active_kid: one }) => one === target) ? (target ?? active?.kid) : active?.kid
  return keys.reduce((sum, key) => (key.kid === kid ? sum : sum + key.dependents), 0)
}
