// The master keys of this instance by public name: one it is configured to seal with, the others for opening only.
// A sealed value names its key; there is no trial decryption.
import type { Secret } from '../kernel/secret.ts'
import { type RandomSource, systemRandom } from './aes.ts'
import { createLocalKeyWrapper, type LocalKeyWrapper } from './key-wrapper.ts'

export interface Keyring {
  /** The kid of the configured secret. */
  readonly configuredKid: string
  readonly kids: readonly string[]
  find(kid: string): LocalKeyWrapper | undefined
}

export function createKeyring(current: Secret, old: readonly Secret[], random: RandomSource = systemRandom): Keyring {
  const wrappers = new Map<string, LocalKeyWrapper>()
  const configured = createLocalKeyWrapper(current, random)
  wrappers.set(configured.kid, configured)
  for (const secret of old) {
    const wrapper = createLocalKeyWrapper(secret, random)
    if (!wrappers.has(wrapper.kid)) wrappers.set(wrapper.kid, wrapper)
  }
  return { configuredKid: configured.kid, kids: [...wrappers.keys()], find: (kid) => wrappers.get(kid) }
}
