// Which key, and which destination, a caller means. A key of somebody else and one that does not exist are the same.
import { GatewayError } from '../../kernel/errors.ts'
import { parsePublicId } from '../../kernel/ids.ts'
import type { KeyContext } from './context.ts'
import { readBaseUrl, refuse } from './pasted-key.ts'
import type { StoredProviderKey } from './record.ts'

const CUSTOM = 'custom'

/** `ref` is a provider's name (the first key in order) or a public key id. */
export async function findKey(context: KeyContext, userId: string, ref: string): Promise<StoredProviderKey> {
  const key = await findKeyOrNothing(context, userId, ref)
  if (key === undefined) throw new GatewayError('not_found', { message: `You have no key for ${ref}.` })
  return key
}

/** undefined: the provider is known, and the user has no key for it. */
export async function findKeyOrNothing(
  { store, providers }: KeyContext,
  userId: string,
  ref: string,
): Promise<StoredProviderKey | undefined> {
  if (ref.startsWith('pk_')) {
    const id = parsePublicId('pk', ref)
    const key = id === undefined ? undefined : await store.find(userId, id)
    if (key === undefined) throw noSuchKey()
    return key
  }
  const key = await store.findFirst(userId, ref)
  if (key === undefined && !providers.has(ref)) throw unknownProvider(providers.names)
  return key
}

/** Where a key is sent: its own endpoint for `custom`, the provider's (null) for all others. */
export function readDestination(
  { providers, allowUserBaseUrls }: KeyContext,
  provider: string,
  baseUrl: string | undefined,
): string | null {
  if (baseUrl !== undefined) {
    if (!allowUserBaseUrls) throw new GatewayError('base_url_not_allowed')
    if (provider !== CUSTOM) throw refuse('base_url', `Only keys of the provider "${CUSTOM}" have their own base_url.`)
    return readBaseUrl(baseUrl)
  }
  if (!providers.has(provider)) throw unknownProvider(providers.names)
  if (!providers.takesKeys(provider)) {
    throw refuse('provider', `This server takes no keys for "${provider}". Use it without one, or ask the operator.`)
  }
  if (provider === CUSTOM) throw refuse('base_url', 'Give the https URL of your endpoint.')
  return null
}

export function noSuchKey(): GatewayError {
  return new GatewayError('not_found', { message: 'You have no provider key with that id.' })
}

function unknownProvider(names: readonly string[]): GatewayError {
  return new GatewayError('unknown_provider', {
    message: `There is no provider of that name on this server. It has: ${names.join(', ')}.`,
  })
}
