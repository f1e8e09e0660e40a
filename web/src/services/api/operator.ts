// What administrators read and do: users, server keys, the master key, health, settings.
import type { User } from '../../../../contract/accounts.ts'
import type { CreateUserBody, UpdateUserBody } from '../../../../contract/admin-users.ts'
import type { EncryptionStatus, RotateBody } from '../../../../contract/encryption.ts'
import type { AdminHealth } from '../../../../contract/health.ts'
import type { ProviderKeyTest } from '../../../../contract/provider-keys.ts'
import type { ServerKey } from '../../../../contract/server-keys.ts'
import type { EffectiveSetting } from '../../../../contract/settings.ts'
import type { SignInRules } from '../../../../contract/sign-in-rules.ts'
import { call } from './client.ts'

export interface Link {
  readonly url: string
  readonly expires_at: string
}
export interface UserSession {
  readonly id: string
  readonly current: boolean
  readonly user_agent: string
  readonly ip: string
  readonly last_used_at: string
}

const user = (id: string): string => `admin/users/${encodeURIComponent(id)}`

export const listUsers = (after?: string): Promise<{ users: User[]; next: string | null }> =>
  call('GET', `admin/users${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`)
export const createUser = (
  body: Partial<CreateUserBody> & { email: string },
): Promise<{ user: User; reset_link: Link | null; mailed: boolean }> => call('POST', 'admin/users', { body })
export const changeUser = (id: string, body: UpdateUserBody): Promise<{ user: User }> =>
  call('PATCH', user(id), { body })
export const makeResetLink = (id: string): Promise<Link> => call('POST', `${user(id)}/reset-link`)
export const listSessions = async (id: string): Promise<UserSession[]> =>
  (await call<{ sessions: UserSession[] }>('GET', `${user(id)}/sessions`)).sessions
export const endSession = (id: string, session: string): Promise<unknown> =>
  call('DELETE', `${user(id)}/sessions/${encodeURIComponent(session)}`)

export const readSignInRules = (): Promise<SignInRules> => call('GET', 'admin/sign-in')
export const setSignInRules = (body: SignInRules): Promise<SignInRules> => call('PUT', 'admin/sign-in', { body })

export const listServerKeys = async (): Promise<ServerKey[]> =>
  (await call<{ keys: ServerKey[] }>('GET', 'admin/server-keys')).keys
export const testServerKey = (provider: string): Promise<ProviderKeyTest> =>
  call('POST', `admin/server-keys/${encodeURIComponent(provider)}/test`)

export const rotate = (body: RotateBody): Promise<{ rotation: EncryptionStatus['rotation'] }> =>
  call('POST', 'admin/encryption/rotate', { body })
export const readHealth = (): Promise<AdminHealth> => call('GET', 'admin/health')
export const listSettings = async (): Promise<EffectiveSetting[]> =>
  (await call<{ settings: EffectiveSetting[] }>('GET', 'admin/settings')).settings
