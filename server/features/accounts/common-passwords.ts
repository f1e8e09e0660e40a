// Passwords that guessing programs try first: about 18,000 from breaches (common-passwords.bin, which
// scripts/generate-common-passwords.ts writes), and about 200 words with what people put round them.
// The words are compared in lower case, and also without the few digits and signs at either end, so `Password1!` and
// `password-password` count as `password`. Short on purpose: length does the rest.
// Invariant: the file is read when the first password is chosen, not at start, and stays the bytes it is.
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { PACKAGE_ROOT } from '../../kernel/package-root.ts'

const WORDS = new Set(
  `password passwort passw0rd p@ssw0rd p@ssword qwerty qwertz qwertyui qwertyuiop qwerty123 1q2w3e4r 1q2w3e4r5t 1qaz2wsx
  q1w2e3r4 qazwsx qazwsxedc zaq12wsx asdfgh asdfghjk asdfghjkl zxcvbn zxcvbnm azerty abcdef abcdefgh abc123 a1b2c3d4
  admin admin123 administrator root toor letmein welcome iloveyou monkey dragon football baseball basketball superman
  batman sunshine princess master shadow michael jennifer jordan hunter trustno1 starwars pokemon whatever freedom
  computer internet samsung google facebook secret default changeme changeit test testtest testing guest login user
  hello charlie donald jessica ashley daniel andrew joshua matthew nicole summer winter spring autumn flower cheese
  purple orange silver golden access mustang corvette liverpool chelsea arsenal barcelona uniroute openai anthropic
  gateway`.split(/\s+/),
)

export const COMMON_PASSWORDS_FILE = new URL('server/features/accounts/common-passwords.bin', PACKAGE_ROOT)
/** Of a password's hash; one in 240,000 that nobody ever chose is refused with the others. */
const KEPT_BYTES = 4

let breached: Buffer | undefined

export function isCommonPassword(password: string): boolean {
  const lower = password.toLowerCase()
  const core = lower.replace(/^[^a-z]+/, '').replace(/[^a-z]+$/, '')
  if (WORDS.has(lower) || (WORDS.has(core) && lower.length - core.length <= 4)) return true
  if (isBreached(lower)) return true
  const unit = findUnit(lower)
  if (unit !== lower) return unit.length <= 4 || isCommonPassword(unit)
  const letters = lower.replace(/[^a-z]+/g, '')
  const isRepeated = letters !== '' && findUnit(letters) !== letters
  if (isRepeated && lower.length - letters.length <= 4 && WORDS.has(findUnit(letters))) return true
  // Few different characters (`abababab`), or digits alone as in dates and telephone numbers.
  return new Set(lower).size <= 3 || (/^[0-9]+$/.test(lower) && lower.length < 15)
}

/** The file's form: the beginning of each hash, in order, one behind the other. */
export function packPasswords(passwords: readonly string[]): Buffer {
  const marks = new Set(passwords.map((password) => markOf(password.toLowerCase())))
  const packed = Buffer.alloc(marks.size * KEPT_BYTES)
  for (const [at, mark] of [...marks].toSorted((one, other) => one - other).entries()) {
    packed.writeUInt32BE(mark, at * KEPT_BYTES)
  }
  return packed
}

function isBreached(lower: string): boolean {
  breached ??= readFileSync(COMMON_PASSWORDS_FILE)
  const wanted = markOf(lower)
  let [from, to] = [0, breached.length / KEPT_BYTES]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (breached.readUInt32BE(middle * KEPT_BYTES) < wanted) from = middle + 1
    else to = middle
  }
  return from * KEPT_BYTES < breached.length && breached.readUInt32BE(from * KEPT_BYTES) === wanted
}

function markOf(lower: string): number {
  return hash('sha256', lower, 'buffer').readUInt32BE(0)
}

/** The shortest text of which this one is a repetition; itself where it is none. */
function findUnit(text: string): string {
  return text.slice(0, (text + text).indexOf(text, 1))
}
