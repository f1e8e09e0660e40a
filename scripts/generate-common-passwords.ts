// Writes server/features/accounts/common-passwords.bin from the list of breached passwords in
// @zxcvbn-ts/language-common (MIT): of each that is long enough for the mildest rule, the first four bytes of its
// SHA-256, sorted. 70 KB instead of a megabyte of text, and nobody has to read the words. With `--check` it writes
// nothing and fails when the file is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { dictionary } from '@zxcvbn-ts/language-common'
import { COMMON_PASSWORDS_FILE, packPasswords } from '../server/features/accounts/common-passwords.ts'

/** The least that PASSWORD_MIN_LENGTH may be. */
const LEAST_LENGTH = 8

const packed = packPasswords(dictionary['passwords-common'].filter((password) => [...password].length >= LEAST_LENGTH))
if (!process.argv.includes('--check')) writeFileSync(COMMON_PASSWORDS_FILE, packed)
else if (!readFileSync(COMMON_PASSWORDS_FILE).equals(packed)) {
  process.stderr.write('common-passwords.bin is stale: node scripts/generate-common-passwords.ts\n')
  process.exitCode = 1
}
