// Where secrets come from, which are refused before any database is opened, and how a first run makes them.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { revealSecret } from '../kernel/secret.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import type { Environment } from './environment.ts'
import { judgeSecret } from './secret-policy.ts'
import { createSecretText, discardOldMasterKey, exchangeMasterKey } from './secret-files.ts'
import { generateJwtSecret, generateMasterKey, resolveSecrets, type SecretsMode } from './secrets.ts'

const GOOD = 'b5f1c0de9a47382e6d10fb94c7a2e853'
const OTHER = '07c3e9d2814fab56b0e6d1f7a9c4582e'
const WEAK = 'mycompany-production-encryption-2026'
const HOME: SecretsMode = { production: false, databaseKind: 'sqlite' }
const PRODUCTION: SecretsMode = { production: true, databaseKind: 'sqlite' }
const SHARED: SecretsMode = { production: false, databaseKind: 'postgres' }

let folder: string
let dataDir: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uniroute-secrets-'))
  dataDir = join(folder, 'data')
})
afterEach(() => rmSync(folder, { recursive: true }))

const resolve = (environment: Environment, mode: SecretsMode = HOME) =>
  resolveSecrets(environment, dataDir, { ...mode, cwd: folder })

function refusal(environment: Environment, mode: SecretsMode = HOME): string {
  const before = readdirSync(folder, { recursive: true })
  try {
    resolve(environment, mode)
  } catch (error) {
    expect(error).toBeInstanceOf(StartRefused)
    expect((error as StartRefused).exitCode).toBe(78)
    expect(readdirSync(folder, { recursive: true })).toEqual(before)
    for (const secret of [GOOD, OTHER, WEAK]) expect((error as Error).message).not.toContain(secret)
    return (error as Error).message
  }
  return 'not refused'
}

function keep(file: string, text: string): void {
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(join(dataDir, file), text)
}

describe('sources', () => {
  test('the variable, its file without one newline, the credential, DATA_DIR', () => {
    writeFileSync(join(folder, 'secret'), `${GOOD}\n`)
    mkdirSync(join(folder, 'credentials'))
    writeFileSync(join(folder, 'credentials', 'PROVIDER_KEY_ENCRYPTION_KEY'), GOOD)
    for (const environment of [
      { PROVIDER_KEY_ENCRYPTION_KEY: GOOD },
      { PROVIDER_KEY_ENCRYPTION_KEY_FILE: 'secret' },
      { CREDENTIALS_DIRECTORY: join(folder, 'credentials') },
    ]) {
      const { current } = resolve(environment)
      expect(current?.source).toBe('given')
      expect(revealSecret(current!.value)).toBe(GOOD)
    }
    keep('master.key', `${GOOD}\n`)
    expect(resolve({}).current?.source).toBe('generated')
    expect(revealSecret(resolve({}).current!.value)).toBe(GOOD)
  })

  test('only one newline is taken off a file', () => {
    writeFileSync(join(folder, 'secret'), `${GOOD} \n\n`)
    expect(revealSecret(resolve({ JWT_SECRET_FILE: 'secret' }).jwt!.value)).toBe(`${GOOD} \n`)
  })

  test('an empty variable gives nothing', () => {
    expect(resolve({ PROVIDER_KEY_ENCRYPTION_KEY: '', JWT_SECRET: '' })).toEqual({
      current: null,
      old: [],
      jwt: null,
      warnings: [],
    })
  })

  test('old secrets are a list', () => {
    const { old } = resolve({
      PROVIDER_KEY_ENCRYPTION_KEY: GOOD,
      PROVIDER_KEY_ENCRYPTION_KEYS_OLD: `${OTHER}, ${WEAK},`,
    })
    expect(old.map(revealSecret)).toEqual([OTHER, WEAK])
  })

  test('two sources that agree are one; two that differ refuse', () => {
    writeFileSync(join(folder, 'secret'), OTHER)
    const both = { PROVIDER_KEY_ENCRYPTION_KEY: GOOD, PROVIDER_KEY_ENCRYPTION_KEY_FILE: 'secret' }
    expect(refusal(both)).toContain('PROVIDER_KEY_ENCRYPTION_KEY')
    keep('master.key', GOOD)
    expect(resolve({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }).current?.source).toBe('given')
    expect(refusal({ PROVIDER_KEY_ENCRYPTION_KEY: OTHER })).toContain('master.key are both there and differ')
    keep('jwt.key', GOOD)
    expect(refusal({ JWT_SECRET: OTHER })).toContain('jwt.key are both there and differ')
  })

  test('a file that is named but cannot be read, or is empty, refuses', () => {
    expect(refusal({ JWT_SECRET_FILE: 'nowhere' })).toContain('JWT_SECRET')
    keep('master.key', '\n')
    expect(refusal({})).toContain('DATA_DIR/master.key is empty')
  })
})

describe('refused without asking a database', () => {
  test('under 32 characters, in every mode and from every source', () => {
    for (const mode of [HOME, PRODUCTION, SHARED]) {
      expect(refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD.slice(1), JWT_SECRET: OTHER }, mode)).toContain(
        'fewer than 32',
      )
      expect(refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: OTHER.slice(1) }, mode)).toContain(
        'fewer than 32',
      )
    }
    // B9 with a short JWT_SECRET.
    expect(refusal({ JWT_SECRET: OTHER.slice(1) })).toContain('JWT_SECRET')
    keep('master.key', GOOD.slice(1))
    expect(refusal({})).toContain('DATA_DIR/master.key')
  })

  test('B5: none or weak in production, with nothing standing in and nothing generated', () => {
    expect(refusal({}, PRODUCTION)).toContain('PROVIDER_KEY_ENCRYPTION_KEY')
    expect(refusal({ JWT_SECRET: OTHER }, PRODUCTION)).toContain('PROVIDER_KEY_ENCRYPTION_KEY')
    expect(refusal({ PROVIDER_KEY_ENCRYPTION_KEY: WEAK, JWT_SECRET: OTHER }, PRODUCTION)).toContain('too weak')
    expect(refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: GOOD }, PRODUCTION)).toContain('same as JWT_SECRET')
    expect(refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, PRODUCTION)).toContain('JWT_SECRET')
    expect(refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: WEAK }, PRODUCTION)).toContain('JWT_SECRET')
  })

  test('B11: none with PostgreSQL', () => {
    expect(refusal({}, SHARED)).toContain('set PROVIDER_KEY_ENCRYPTION_KEY (uniroute keys generate)')
    expect(refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, SHARED)).toContain('set JWT_SECRET')
    keep('jwt.key', OTHER)
    expect(refusal({}, SHARED)).toContain('set PROVIDER_KEY_ENCRYPTION_KEY')
  })
})

describe('served with a warning', () => {
  test('a good pair has none', () => {
    for (const mode of [HOME, PRODUCTION, SHARED]) {
      expect(resolve({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: OTHER }, mode).warnings).toEqual([])
    }
  })

  test('B6: a weak one outside production', () => {
    expect(resolve({ PROVIDER_KEY_ENCRYPTION_KEY: WEAK }).warnings).toEqual(['weak_secret'])
    expect(resolve({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: GOOD }).warnings).toEqual(['weak_secret'])
    expect(resolve({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: WEAK }).warnings).toEqual(['weak_jwt_secret'])
  })

  test('B9: an explicit JWT_SECRET in place of none, a generated one never', () => {
    expect(resolve({ JWT_SECRET: OTHER })).toMatchObject({
      current: { source: 'jwt-fallback' },
      warnings: ['jwt_secret_fallback'],
    })
    expect(resolve({ JWT_SECRET: OTHER }, SHARED).current?.source).toBe('jwt-fallback')
    keep('jwt.key', OTHER)
    expect(resolve({})).toMatchObject({ current: null, jwt: { source: 'generated' }, warnings: [] })
  })

  test('a generated secret counts as given, in production with a warning', () => {
    keep('master.key', GOOD)
    expect(resolve({ JWT_SECRET: OTHER }, PRODUCTION)).toMatchObject({
      current: { source: 'generated' },
      warnings: ['secret_beside_database'],
    })
  })

  test('weak old secrets, however short', () => {
    const environment = {
      PROVIDER_KEY_ENCRYPTION_KEY: GOOD,
      JWT_SECRET: OTHER,
      PROVIDER_KEY_ENCRYPTION_KEYS_OLD: 'short',
    }
    expect(resolve(environment, PRODUCTION).warnings).toEqual(['weak_old_secret'])
  })
})

describe('generating', () => {
  test('makes a good secret in a private file that the next start reads', () => {
    const made = generateMasterKey(dataDir)
    expect(made.source).toBe('generated')
    expect(judgeSecret(revealSecret(made.value)).verdict).toBe('good')
    expect(statSync(join(dataDir, 'master.key')).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(dataDir, 'master.key'), 'utf8')).toBe(`${revealSecret(made.value)}\n`)
    expect(revealSecret(resolve({}).current!.value)).toBe(revealSecret(made.value))
    generateJwtSecret(dataDir)
    expect(readdirSync(dataDir).toSorted()).toEqual(['jwt.key', 'master.key'])
  })

  test('never writes over an existing file', () => {
    keep('master.key', `${GOOD}\n`)
    expect(revealSecret(generateMasterKey(dataDir).value)).toBe(GOOD)
    expect(readFileSync(join(dataDir, 'master.key'), 'utf8')).toBe(`${GOOD}\n`)
    expect(readdirSync(dataDir)).toEqual(['master.key'])
  })

  test('prints 32 random bytes', () => {
    expect(Buffer.from(createSecretText(), 'base64url')).toHaveLength(32)
    expect(createSecretText()).not.toBe(createSecretText())
  })
})

describe('exchanging the generated master key', () => {
  test('keeps the one before for opening, until it is discarded', () => {
    const first = generateMasterKey(dataDir)
    exchangeMasterKey(dataDir)
    const exchanged = resolve({})
    expect(exchanged.current!.source).toBe('generated')
    expect(revealSecret(exchanged.current!.value)).not.toBe(revealSecret(first.value))
    expect(exchanged.old.map(revealSecret)).toEqual([revealSecret(first.value)])
    expect(readdirSync(dataDir).toSorted()).toEqual(['master.key', 'master.key.old'])
    expect(statSync(join(dataDir, 'master.key.old')).mode & 0o777).toBe(0o600)
    discardOldMasterKey(dataDir)
    expect(resolve({}).old).toEqual([])
    expect(readdirSync(dataDir)).toEqual(['master.key'])
  })

  test('an old one is read beside those that are given', () => {
    keep('master.key', GOOD)
    keep('master.key.old', OTHER)
    const { old } = resolve({ PROVIDER_KEY_ENCRYPTION_KEYS_OLD: `${WEAK}` })
    expect(old.map(revealSecret)).toEqual([WEAK, OTHER])
  })
})
