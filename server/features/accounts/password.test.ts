import { readFileSync } from 'node:fs'
import { dictionary } from '@zxcvbn-ts/language-common'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { COMMON_PASSWORDS_FILE, packPasswords } from './common-passwords.ts'
import { findPasswordFault as findFault, type Person, type PasswordRules } from './password-rules.ts'
import { createPasswords } from './password.ts'

const findPasswordFault = (
  password: string,
  minLength: number,
  rules: Partial<PasswordRules> = {},
  person: Person = {},
): string | undefined => findFault(password, { minLength, ...rules }, person)

describe('passwords at rest', () => {
  const passwords = createPasswords()

  test('a password opens its own hash and no other, and each hash is salted', async () => {
    const [first, second] = [await passwords.hash('correct horse'), await passwords.hash('correct horse')]
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(first).not.toBe(second)
    expect(await passwords.verify('correct horse', first)).toBe(true)
    expect(await passwords.verify('correct horsf', first)).toBe(false)
  })

  test('a hash made elsewhere at another cost is understood', async () => {
    // From the reference command: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 24
    const stored = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
    expect(await passwords.verify('password', stored)).toBe(true)
  })

  test('one visible text is one password, however its accents are encoded', async () => {
    const stored = await passwords.hash('Zu\u0308rich im Mai')
    expect(await passwords.verify('Z\u00fcrich im Mai', stored)).toBe(true)
  })

  test('no account, a damaged row and a greedy row are all false, never an error', async () => {
    for (const stored of [
      null,
      '',
      'plain',
      '$2b$10$abcdefghijklmnopqrstuv',
      '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    ])
      expect(await passwords.verify('anything', stored)).toBe(false)
  })

  test('the fifth at once is told to come back, and the room is free again afterwards', async () => {
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => passwords.verify('x', null)))
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused).toHaveLength(2)
    expect(refused[0]!.reason).toMatchObject({ code: 'gateway_overloaded', status: 503, retryAfter: 1 })
    expect(await passwords.verify('x', null)).toBe(false)
  })
})

describe('new passwords', () => {
  test('too short, too long and too common are refused with a sentence', () => {
    expect(findPasswordFault('short', 8)).toContain('8')
    expect(findPasswordFault('a long enough pass', 15)).toBeUndefined()
    expect(findPasswordFault('fourteen chars', 15)).toContain('15')
    expect(findPasswordFault('xy1'.repeat(100), 8)).toContain('256')
    for (const common of [
      'password',
      'Password1!',
      'qwertyuiop',
      '12345678',
      '19871224',
      'aaaaaaaaaaaa',
      'Summer2026',
      'changeme',
      'passwordpassword',
      'Password-Password1',
      'qwertyqwertyqwerty',
      'password1password1',
      '1234512345123451234512345',
      'abcdabcdabcdabcd',
      // From breaches, with no word of ours in them.
      'mailcreated5240',
      '1qazxsw23edc',
      'z1x2c3v4b5',
    ])
      expect(findPasswordFault(common, 8), common).toContain('guessed')
  })

  test('the first 3000 of a list of breached passwords that are long enough are refused, in any case', () => {
    const longEnough = dictionary['passwords-common'].filter((password) => password.length >= 8).slice(0, 3000)
    expect(longEnough).toHaveLength(3000)
    const missed = longEnough.filter((password) => findPasswordFault(password.toUpperCase(), 8) === undefined)
    expect(missed).toEqual([])
  })

  test('the list is packed as it is generated, in less than 100 KB', () => {
    const all = dictionary['passwords-common'].filter((password) => [...password].length >= 8)
    const kept = readFileSync(COMMON_PASSWORDS_FILE)
    expect(packPasswords(all).equals(kept)).toBe(true)
    expect(kept.length).toBeLessThan(100_000)
  })

  test('words of the server, of its operator and of the person count for nothing', () => {
    const rules = { contextWords: ['acme', 'sales desk'], publicUrl: 'https://llm.contoso.example/gateway' }
    const person = { email: 'mina.harker@example.org', name: 'Wilhelmina Murray' }
    for (const own of [
      'acme-2026!',
      'AcmeAcmeAcme1',
      'Sales Desk 24/7',
      'contoso#4711',
      'uniroute-2026',
      'mina.harker',
      'Murray1897!',
      'acme-Password1!',
      'harker@example',
    ])
      expect(findPasswordFault(own, 8, rules, person), own).toContain('guessed first')
    for (const fine of ['acme correct horse', 'the harkers of whitby', 'min und hark passen', 'desk of a stranger'])
      expect(findPasswordFault(fine, 8, rules, person), fine).toBeUndefined()
    expect(findPasswordFault('acme-2026!', 8, {}, {})).toBeUndefined()
  })

  test('what is neither short nor common is accepted, and no answer repeats it', () => {
    for (const fine of ['correct horse', 'hVtR5-pq', 'пароль-для-друга', '今日はとても暑いですね'])
      expect(findPasswordFault(fine, 8), fine).toBeUndefined()
    fc.assert(
      fc.property(fc.string({ minLength: 4, maxLength: 300 }), (password) => {
        const fault = findPasswordFault(password, 8)
        if (fault && /[^a-z]/.test(password)) expect(fault).not.toContain(password.trim() || '\0')
      }),
    )
  })
})
