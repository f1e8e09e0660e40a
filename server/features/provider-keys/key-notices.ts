// What an owner is told when a key's state changes, in words that name the key and the next step.
import type { NotificationKind } from '../../../contract/notifications.ts'
import type { Notice } from '../notifications/notifications.ts'
import type { ProviderKeyRecord, ProviderKeyStatus } from './record.ts'

/** Tells the owner; never rejects. */
export type Notify = (notice: Notice) => Promise<void>

type NamedKey = Pick<ProviderKeyRecord, 'provider' | 'label' | 'last4'>

const NOTICES: Partial<Record<ProviderKeyStatus, { kind: NotificationKind; says: string }>> = {
  invalid: {
    kind: 'key_rejected',
    says: 'was rejected by its provider. It may have been deleted there. Create a new one, then replace it here.',
  },
  exhausted: {
    kind: 'key_exhausted',
    says: 'works, but the account behind it has no credit or quota left. Top it up at the provider.',
  },
  undecryptable: {
    kind: 'key_unreadable',
    says: 'cannot be opened by UniRoute, and no other key was tried. Enter it again, or ask your operator.',
  },
}

/** `before` is undefined where it is not known. */
export async function tellStatus(
  { notify }: { readonly notify?: Notify | undefined },
  key: ProviderKeyRecord,
  before: ProviderKeyStatus | undefined,
  after: ProviderKeyStatus,
  at: number,
): Promise<void> {
  const isBack = after === 'active' && (before === 'invalid' || before === 'exhausted' || before === 'undecryptable')
  const notice = isBack ? { kind: 'key_recovered' as const, says: 'works again.' } : NOTICES[after]
  if (!notice || before === after) return
  await notify?.({
    userId: key.userId,
    kind: notice.kind,
    keyId: key.id,
    message: `${nameKey(key)} ${notice.says}`,
    details: { provider: key.provider },
    occasion: `${key.id} ${key.keyVersion} ${at}`,
  })
}

export function nameKey({ provider, label, last4 }: NamedKey): string {
  const name = label === '' ? `Your key for ${provider}` : `Your key "${label}" for ${provider}`
  return last4 === '' ? name : `${name} (ends ${last4})`
}
