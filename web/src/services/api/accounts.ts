// Signing in and the account itself: `/auth/*`.
import type {
  LoginBody,
  RegisterBody,
  ResetBody,
  SessionAnswer,
  SetupBody,
  User,
} from '../../../../contract/accounts.ts'
import type { Installation, SignInOptions } from '../../../../contract/installation.ts'
import type { EncryptionStatus } from '../../../../contract/encryption.ts'
import { call } from './client.ts'
import { send } from './send.ts'

export const readSignInOptions = (): Promise<SignInOptions> => send('GET', 'auth/options')
export const setUp = (body: SetupBody): Promise<SessionAnswer> => send('POST', 'auth/setup', { body })
export const logIn = (body: LoginBody): Promise<SessionAnswer> => send('POST', 'auth/login', { body })
/** A message instead of an account: a mail confirms the address first. */
export const register = (body: RegisterBody): Promise<{ user?: User; message?: string }> =>
  send('POST', 'auth/register', { body })
export const resetPassword = (body: ResetBody): Promise<{ message: string }> => send('POST', 'auth/reset', { body })
export const requestReset = (email: string): Promise<{ message: string }> =>
  send('POST', 'auth/reset-request', { body: { email } })
export const readInstallation = (): Promise<Installation> => call('GET', 'admin/installation')
export const readEncryption = (): Promise<EncryptionStatus> => call('GET', 'admin/encryption')
