// Passwords that guessing programs try first. Compared in lower case, and also without the few digits and signs that
// people put round or between them, so `Password1!` and `password-password` count as `password`. Short on purpose: length does the rest.
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

export function isCommonPassword(password: string): boolean {
  const lower = password.toLowerCase()
  const core = lower.replace(/^[^a-z]+/, '').replace(/[^a-z]+$/, '')
  if (WORDS.has(lower) || (WORDS.has(core) && lower.length - core.length <= 4)) return true
  const unit = findUnit(lower)
  if (unit !== lower) return unit.length <= 4 || isCommonPassword(unit)
  const letters = lower.replace(/[^a-z]+/g, '')
  const isRepeated = letters !== '' && findUnit(letters) !== letters
  if (isRepeated && lower.length - letters.length <= 4 && WORDS.has(findUnit(letters))) return true
  // Few different characters (`abababab`), or digits alone as in dates and telephone numbers.
  return new Set(lower).size <= 3 || (/^[0-9]+$/.test(lower) && lower.length < 15)
}

/** The shortest text of which this one is a repetition; itself where it is none. */
function findUnit(text: string): string {
  return text.slice(0, (text + text).indexOf(text, 1))
}
