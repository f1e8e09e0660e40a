// Which new passwords are accepted: long enough, not among the first that are guessed, and not made of words that stand
// for this server, its operator or the person. There are no rules of composition: any characters will do.
import { GatewayError } from '../../kernel/errors.ts'
import { isCommonPassword } from './common-passwords.ts'

const PASSWORD_MAX_LENGTH = 256
/** Shorter ones stand in too many words that have nothing to do with them. */
const LEAST_WORD = 4
/** What is left without the words of the context has to be a password in itself. */
const LEAST_REST = 8

export interface PasswordRules {
  readonly minLength: number
  /** Words of the operator's own (PASSWORD_CONTEXT_WORDS), in lower case. */
  readonly contextWords?: readonly string[]
  /** Names the server itself: the words of its host count too. */
  readonly publicUrl?: string
}

/** What is known of the person whose password it will be. */
export interface Person {
  readonly email?: string | undefined
  readonly name?: string | undefined
}

/** What is wrong with a new password, as a sentence; undefined when it is accepted. */
export function findPasswordFault(password: string, rules: PasswordRules, person: Person = {}): string | undefined {
  const { minLength } = rules
  const length = [...password].length
  if (length < minLength) return `Choose a password of at least ${minLength} characters; any characters will do.`
  if (length > PASSWORD_MAX_LENGTH) return `A password has at most ${PASSWORD_MAX_LENGTH} characters.`
  if (isCommonPassword(password)) return 'This password is among the first that are guessed. Choose another one.'
  if (leansOn(password, listWords(rules, person))) {
    return 'This password is little more than your name, your address or the name of this server, which are guessed first. Choose another one.'
  }
  return undefined
}

export function assertAcceptablePassword(
  password: string,
  rules: PasswordRules,
  { person = {}, field = 'password' }: { person?: Person; field?: string } = {},
): void {
  const fault = findPasswordFault(password, rules, person)
  if (fault) throw new GatewayError('validation_failed', { message: fault, details: [{ path: field, message: fault }] })
}

function listWords({ contextWords = [], publicUrl = '' }: PasswordRules, { email = '', name = '' }: Person): string[] {
  const host = URL.canParse(publicUrl) ? new URL(publicUrl).hostname : ''
  const parts = [email, name, host].flatMap((text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u))
  const words = ['uniroute', ...contextWords, ...parts].filter((word) => word.length >= LEAST_WORD)
  return [...new Set(words)].toSorted((one, other) => other.length - one.length)
}

/** Is it, without those words, too short or too common to be a password? */
function leansOn(password: string, words: readonly string[]): boolean {
  const lower = password.toLowerCase()
  const rest = words.reduce((text, word) => text.replaceAll(word, ''), lower)
  if (rest === lower) return false
  return [...rest].length < LEAST_REST || isCommonPassword(rest)
}
