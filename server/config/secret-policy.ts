// Is a master secret hard enough to guess? It is turned into a key by one fast hash, so its own entropy is everything.
// The estimate counts what a guesser would have to try: runs, sequences, repeats and words are worth little, whatever
// their length. Random hex, base64 and base62 of 32 characters or more pass; eight random dictionary words do too.

export type SecretVerdict = 'good' | 'weak' | 'too_short'

export interface SecretJudgement {
  readonly verdict: SecretVerdict
  /** Clauses for the operator, such as `it is an example from documentation`; they never repeat the secret. */
  readonly reasons: readonly string[]
}

const LEAST_CHARACTERS = 32
const LEAST_DISTINCT = 8
const LEAST_BITS = 100
/** More than this adds nothing to the verdict. */
const LONGEST_JUDGED = 512

// What documentation, templates and tutorials print where a secret should stand; compared without case and separators.
// Each is long enough that a random secret holds it less than once in ten million.
const PLACEHOLDERS = [
  'yourstrongrandom',
  'yoursecret',
  'yoursupersecret',
  'yourjwt',
  'yourkeyhere',
  'yourencryption',
  'yourrandom',
  'yourownsecret',
  'changeme',
  'changethis',
  'changeinproduction',
  'replaceme',
  'replacethis',
  'replacewith',
  'putyour',
  'insertyour',
  'generateyour',
  'generatewith',
  'placeholder',
  'examplesecret',
  'examplekey',
  'supersecret',
  'testsecret',
  'secretkeyhere',
  'mysecret',
  'notsecure',
  'insecure',
  'defaultsecret',
  'devsecret',
  'developmentsecret',
  'min32char',
  'minimum32char',
  'atleast32char',
  '32characters',
  'opensslrand',
  'unirouteencryptionkey',
  'unirouteproviderkey',
  'uniroutejwt',
  'correcthorsebatterystaple',
  'password',
] as const

export function judgeSecret(text: string, options: { unlike?: string } = {}): SecretJudgement {
  const characters = [...text]
  if (characters.length < LEAST_CHARACTERS) {
    return { verdict: 'too_short', reasons: [`it has fewer than ${LEAST_CHARACTERS} characters`] }
  }
  const reasons: string[] = []
  const plain = text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  if (PLACEHOLDERS.some((placeholder) => plain.includes(placeholder))) {
    reasons.push('it holds an example from documentation')
  }
  if (new Set(characters).size < LEAST_DISTINCT)
    reasons.push(`it has fewer than ${LEAST_DISTINCT} different characters`)
  if (estimateBits(text) < LEAST_BITS)
    reasons.push('it could be guessed: words, repeats or sequences make up most of it')
  if (options.unlike !== undefined && options.unlike === text) reasons.push('it is the same as JWT_SECRET')
  return { verdict: reasons.length === 0 ? 'good' : 'weak', reasons }
}

// A word of a list of 8000 at most; longer pieces are words run together, and English has about two bits a letter.
const WORD_BITS = 13
const LONGEST_WORD = 13
const BITS_PER_LETTER = 2
const REPEAT_BITS = 4
const LEAST_RUN = 4
const LEAST_REPEAT = 4

/** About how many bits a guesser faces who knows people's habits. */
export function estimateBits(text: string): number {
  const judged = text.slice(0, LONGEST_JUDGED)
  const bitsEach = Math.log2(countAlphabet(judged))
  const words = findWords(judged)
  let bits = 0
  for (let at = 0; at < judged.length;) {
    const repeat = longestRepeat(judged, at)
    const run = longestRun(judged, at)
    const word = words.get(at)
    if (repeat >= LEAST_REPEAT && repeat >= run && repeat >= (word ?? 0)) {
      bits += Math.min(REPEAT_BITS + Math.log2(repeat), repeat * bitsEach)
      at += repeat
    } else if (run >= LEAST_RUN && run >= (word ?? 0)) {
      bits += bitsEach + 1
      at += run
    } else if (word !== undefined) {
      bits += word > LONGEST_WORD ? BITS_PER_LETTER * word : Math.min(WORD_BITS, BITS_PER_LETTER * word)
      at += word
      // What separates words is chosen once.
      if (words.has(at + 1) && !/[a-z0-9]/i.test(judged[at] ?? 'a')) at += 1
    } else {
      bits += bitsEach
      at += 1
    }
  }
  return bits
}

function countAlphabet(text: string): number {
  if (/^[0-9]+$/.test(text)) return 10
  if (/^(?:[0-9a-f]+|[0-9A-F]+)$/.test(text)) return 16
  let size = 0
  if (/[a-z]/.test(text)) size += 26
  if (/[A-Z]/.test(text)) size += 26
  if (/[0-9]/.test(text)) size += 10
  if (/[^a-zA-Z0-9]/.test(text)) size += /^[\w+/=-]+$/.test(text) ? 2 : 33
  return Math.max(size, 2)
}

/** How far the text from `at` on has stood earlier in it. */
function longestRepeat(text: string, at: number): number {
  let longest = 0
  for (let from = 0; from < at; from++) {
    let length = 0
    while (at + length < text.length && text[from + length] === text[at + length]) length++
    if (length > longest) longest = length
  }
  return longest
}

const KEYBOARD_ROWS = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm', 'qwertzuiop', 'azertyuiop', '1234567890']

/** How far characters follow each other in one step: `aaaa`, `4567`, `dcba`, `qwer`. */
function longestRun(text: string, at: number): number {
  const lower = text.toLowerCase()
  let longest = 1
  for (const step of [-1, 0, 1]) {
    let end = at + 1
    while (end < lower.length && isStep(lower[end - 1]!, lower[end]!, step)) end++
    longest = Math.max(longest, end - at)
  }
  return longest
}

function isStep(from: string, to: string, step: number): boolean {
  if (to.charCodeAt(0) - from.charCodeAt(0) === step) return true
  return step !== 0 && KEYBOARD_ROWS.some((row) => row.includes(from) && row[row.indexOf(from) + step] === to)
}

// The pairs of letters that make up three quarters of English text; chance hits one in seven of them.
const COMMON_PAIRS = new Set(
  (
    'th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ld ur ' +
    'ro ic ne me io co ll ri li ta el ma ce om us wo la no di ec ho un so tr be ch ut pa ot ee rs ss pr ct ns id pe ai il ' +
    'ge ac ow ie ol po em im fo wa ry pl ey ke cr mi op sh am ni nc ly ca ent ck up ad av ap'
  ).split(' '),
)

/** Where words begin, and how long they are: letters in one case (or capitalised) that pair as in English. */
function findWords(text: string): Map<number, number> {
  const words = new Map<number, number>()
  // Hex spells no words, however often its letters meet.
  if (/^(?:[0-9a-f]+|[0-9A-F]+)$/.test(text)) return words
  for (const match of text.matchAll(/[A-Z]?[a-z]{2,}|[A-Z]{4,}/g)) {
    const word = match[0].toLowerCase()
    let common = 0
    for (let i = 0; i + 1 < word.length; i++) if (COMMON_PAIRS.has(word.slice(i, i + 2))) common++
    if (word.length >= 3 && common * 2 >= word.length - 1) words.set(match.index, word.length)
  }
  for (const match of text.matchAll(/(?<=^|[ _.-])[A-Za-z]{1,3}(?=$|[ _.-])/g)) words.set(match.index, match[0].length)
  return words
}
