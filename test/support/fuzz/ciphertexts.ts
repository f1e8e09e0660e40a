// What is sealed or signed, as whoever can write to the database or talks to the server may hand it back: nothing opens
// but the very text that was sealed, for the very record; and nothing fails but with the room's own error.
import { createEnvelopes } from '../../../server/gateway/envelope.ts'
import { composeApiKey, isWellFormedApiKey } from '../../../server/features/api-keys/key-format.ts'
import { revealSecret, Secret } from '../../../server/kernel/secret.ts'
import { openValue, sealValue } from '../../../server/vault/cipher.ts'
import { createKeyring } from '../../../server/vault/keyring.ts'
import type { SealedRecord } from '../../../server/vault/record.ts'
import { openSeedValue } from '../../../server/vault/seed-format.ts'
import { VaultError } from '../../../server/vault/vault-error.ts'
import { type FuzzTarget, promise } from './target.ts'

/** Of nobody: with these bytes for chance every run seals the same texts. */
export const FUZZ_SECRET = new Secret('fuzz-fuzz-fuzz-fuzz-fuzz-fuzz-fuzz-fuzz')
const fixedBytes = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7)
const keyring = createKeyring(FUZZ_SECRET, [], fixedBytes)
const wrapper = keyring.find(keyring.configuredKid)!
const RECORD: SealedRecord = {
  ownerType: 'user',
  ownerId: 'owner',
  provider: 'openai',
  origin: '',
  recordId: '01K00000000000000000000000',
  keyVersion: 1,
}
const PLAIN = 'sk-of-nobody-at-all'
export const SEALED = sealValue(wrapper, RECORD, Buffer.from(PLAIN), fixedBytes)
export const KEY_CHECK = wrapper.createCheck()

function checkSealed(input: Buffer): void {
  const text = input.toString('latin1')
  try {
    const plain = openValue(keyring, RECORD, text, keyring.configuredKid)
    promise(text === SEALED && plain.toString() === PLAIN, 'another text than the sealed one opens')
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    promise(text !== SEALED, 'the sealed text does not open')
    promise(!error.message.includes(text) || text.length < 8, 'the error repeats the text')
  }
  // The same text as a check of the master key, and as the row of another record.
  promise(wrapper.verifyCheck(text) === (text === KEY_CHECK), 'another text passes as the check of the master key')
  for (const other of [{ ownerId: 'other' }, { keyVersion: 2 }, { origin: 'https://x' }, { recordId: 'r' }]) {
    try {
      openValue(keyring, { ...RECORD, ...other }, text, keyring.configuredKid)
      promise(false, `it opens for another record: ${JSON.stringify(other)}`)
    } catch (error) {
      if (!(error instanceof VaultError)) throw error
    }
  }
}

function checkSeedValue(input: Buffer): void {
  try {
    openSeedValue([FUZZ_SECRET], input.toString('latin1'), 'record')
    promise(false, 'bytes that nobody sealed open')
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
  }
}

const envelopes = createEnvelopes(Buffer.alloc(32, 5))
const TENANT = 'tenant'
const sealedHere = new Set<string>()

/** Envelopes take their nonces by chance, so the ones that may open are told here. */
function checkEnvelope(input: Buffer): void {
  const text = input.toString('latin1')
  promise(envelopes.open(TENANT, text) === null || sealedHere.has(text), 'an envelope opens that nobody sealed')
  const own = envelopes.seal(TENANT, {
    kind: 'signature',
    provider: 'anthropic',
    account: 'a',
    model: 'm',
    value: text,
  })
  promise(envelopes.open(TENANT, own)?.value === text, 'an envelope does not open for who sealed it')
  promise(envelopes.open(`${TENANT}2`, own) === null, 'an envelope opens for another tenant')
  // The input says where the fresh envelope is damaged.
  const at = 'urs1.'.length + ((input[0] ?? 0) % (own.length - 'urs1.'.length))
  const damaged = own.slice(0, at) + (own[at] === 'A' ? 'B' : 'A') + own.slice(at + 1)
  promise(envelopes.open(TENANT, damaged) === null, 'a damaged envelope opens')
}

export const API_KEY = composeApiKey(Buffer.alloc(32, 3))

function checkApiKey(input: Buffer): void {
  const text = input.toString('utf8')
  const isOne = isWellFormedApiKey(text)
  promise(!isOne || /^ur_[0-9A-Za-z]{49}$/.test(text), 'it takes another text than a key')
  // One changed character never makes another key of it: the checksum finds each of them.
  if (text.length !== API_KEY.length || text === API_KEY) return
  const changed = [...text].filter((character, at) => character !== API_KEY[at]).length
  promise(changed > 1 || !isOne, 'a mistyped key passes')
}

function checkSecret(input: Buffer): void {
  const text = input.toString('utf8')
  const secret = new Secret(text)
  const shown = [
    `${secret}`,
    JSON.stringify({ secret }),
    String(secret),
    JSON.stringify([Object.entries(secret)]),
  ].join()
  promise(
    text.length < 9 || '[redacted],{"secret":"[redacted]"},[[]]'.includes(text) || !shown.includes(text),
    'a secret shows itself',
  )
  promise(revealSecret(secret) === text, 'a secret is another one')
}

export const CIPHERTEXT_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'sealed',
    kind: 'bytes',
    words: ['ur1.', 'ur2.', '.', '=', '+', '/', keyring.configuredKid, 'AAAA'],
    check: checkSealed,
  },
  { name: 'seed-value', kind: 'bytes', words: ['AAAA', '=', '==', '-', '_'], check: checkSeedValue },
  { name: 'envelope', kind: 'bytes', words: ['urs1.', 'dXJzMS', 'AAAA', '='], check: checkEnvelope },
  { name: 'api-key', kind: 'bytes', words: ['ur_', '0', 'z', '_', 'ＡＡ'], check: checkApiKey },
  { name: 'secret', kind: 'bytes', words: ['[redacted]', 'sk-', '${x}', '%s'], check: checkSecret },
]
