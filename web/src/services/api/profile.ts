// `/auth/profile` and `/auth/sessions`: one's own account.
import type {
  AccountDeletion,
  PasswordBody,
  ProfileBody,
  SessionAnswer,
  SessionList,
  User,
} from '../../../../contract/accounts.ts'
import { call } from './client.ts'

export type SignedInPlace = SessionList['sessions'][number]

export const changeProfile = async (body: ProfileBody): Promise<User> =>
  (await call<{ user: User }>('PUT', 'auth/profile', { body })).user
export const changePassword = (body: PasswordBody): Promise<SessionAnswer> =>
  call('PUT', 'auth/profile/password', { body })
export const readDeletion = (): Promise<AccountDeletion> => call('GET', 'auth/profile/deletion')
/** Without a password: for accounts that have none. */
export const deleteAccount = (password?: string): Promise<unknown> =>
  call('POST', 'auth/profile/delete', { body: { password } })
export const listSessions = async (): Promise<SignedInPlace[]> =>
  (await call<SessionList>('GET', 'auth/sessions')).sessions
export const linkProvider = (): Promise<{ url: string }> => call('POST', 'auth/oidc/link')
/** Where to sign in once more; `next` is the page to come back to. */
export const proveWithProvider = (next: string): Promise<{ url: string }> =>
  call('POST', 'auth/oidc/prove', { body: { next } })
export const endSession = (id: string): Promise<{ message: string }> =>
  call('DELETE', `auth/sessions/${encodeURIComponent(id)}`)
