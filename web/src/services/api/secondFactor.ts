// `/auth/second-factor`: what it shows once goes straight to the dialog that shows it.
import type { BegunFactor, SecondFactorAnswer } from '../../../../contract/second-factor.ts'
import { call } from './client.ts'

const PATH = 'auth/second-factor'
const codesOf = async (answer: Promise<{ recovery_codes: string[] }>): Promise<string[]> =>
  (await answer).recovery_codes

export const readSecondFactor = (): Promise<SecondFactorAnswer> => call('GET', PATH)
export const beginSecondFactor = (password: string): Promise<BegunFactor> => call('POST', PATH, { body: { password } })
export const confirmSecondFactor = (code: string): Promise<string[]> =>
  codesOf(call('POST', `${PATH}/confirm`, { body: { code } }))
export const replaceRecoveryCodes = (password: string): Promise<string[]> =>
  codesOf(call('POST', `${PATH}/recovery-codes`, { body: { password } }))
export const removeSecondFactor = (password: string): Promise<unknown> =>
  call('POST', `${PATH}/remove`, { body: { password } })
