// Where each setting of a running server was set, and that no secret is told with it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { settingListSchema } from '../../contract/settings.ts'
import { loadConfig } from './config.ts'
import { SETTING_NAMES } from './settings.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'uniroute-settings-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const SECRET = 'a-secret-nobody-may-read-0123456789'

function read(environment: Record<string, string>) {
  const { settings } = loadConfig(environment, { cwd })
  expect(settingListSchema.parse({ settings })).toEqual({ settings })
  expect(JSON.stringify(settings)).not.toContain(SECRET)
  return (name: string) => settings.find((setting) => setting.name === name)!
}

test('every setting is told, with its origin', () => {
  writeFileSync(join(cwd, '.env'), 'REGISTRATION=open\nLOG_LEVEL=debug\nPASSWORD_MIN_LENGTH=12\n')
  const setting = read({ LOG_LEVEL: 'warn', PASSWORD_MIN_LENGTH: '' })
  expect(loadConfig({}, { cwd }).settings.map(({ name }) => name)).toEqual([...SETTING_NAMES])
  expect(setting('REGISTRATION')).toMatchObject({ origin: '.env', value: 'open', default: 'closed', is_set: true })
  expect(setting('LOG_LEVEL')).toMatchObject({ origin: 'environment', value: 'warn' })
  // An empty variable switches off what .env sets.
  expect(setting('PASSWORD_MIN_LENGTH')).toMatchObject({ origin: 'default', value: '8', is_set: false })
  expect(setting('PUBLIC_URL')).toMatchObject({ origin: 'default', value: null, absent: 'from `HOST` and `PORT`' })
})

test('of a secret it is told only whether and where it is set', () => {
  writeFileSync(join(cwd, 'key'), `${SECRET}\n`)
  const setting = read({
    OPENAI_API_KEY: SECRET,
    ANTHROPIC_API_KEY_FILE: 'key',
    DATABASE_URL: `postgres://u:${SECRET}@h/d`,
  })
  expect(setting('OPENAI_API_KEY')).toMatchObject({ origin: 'environment', value: null, secret: true, is_set: true })
  expect(setting('ANTHROPIC_API_KEY')).toMatchObject({ origin: 'file', value: null, is_set: true })
  expect(setting('DATABASE_URL')).toMatchObject({ origin: 'environment', value: null })
  expect(setting('GOOGLE_API_KEY')).toMatchObject({ origin: 'default', value: null, is_set: false })
})

test('a password in the address of something else is not told', () => {
  const setting = read({ OTEL_EXPORTER_OTLP_ENDPOINT: `https://user:${SECRET}@collector.example.com` })
  expect(setting('OTEL_EXPORTER_OTLP_ENDPOINT').value).not.toContain('user')
})
