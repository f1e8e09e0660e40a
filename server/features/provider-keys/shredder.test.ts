// Deleted and replaced ciphertext leaves SQLite's files, also when a reader is in the way for a while.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '../../../test/support/databases.ts'
import { addPlainUser } from '../../../test/support/plain-users.ts'
import { type Database, openDatabase } from '../../database/database.ts'
import { migrate } from '../../database/migrator.ts'
import { systemClock } from '../../kernel/clock.ts'
import { readAudit, setUp } from './testing.ts'

let folder: string
let database: Database
let userId: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uniroute-shred-'))
  database = await openDatabase({ file: join(folder, 'test.db') })
  await migrate(database, { clock: systemClock, log: silentLog })
  userId = await addPlainUser(database)
})
afterEach(async () => {
  await database.close()
  rmSync(folder, { recursive: true })
})

/** Is any 20-character piece of the text in a file of the database? */
function isInFiles(text: string): boolean {
  const files = readdirSync(folder).map((file) => readFileSync(join(folder, file)))
  for (let at = 0; at + 20 <= text.length; at += 10) {
    if (files.some((file) => file.includes(text.slice(at, at + 20)))) return true
  }
  return false
}

const readSealed = async (): Promise<string[]> => {
  const rows = await database.query.selectFrom('user_provider_keys').select('api_key_encrypted').execute()
  // The first part, the key's name, is the same in all of them.
  return rows.map((row) => row.api_key_encrypted.slice(21))
}

const countShredded = async () => (await readAudit(database)).filter(({ action }) => action === 'key.shredded').length

test('a delete leaves no byte of the ciphertext in the files', async () => {
  const { keys } = setUp(database)
  const actor = { userId, ip: null }
  for (let i = 0; i < 30; i++)
    await keys.addProviderKey(actor, { provider: 'openai', api_key: `sk-canary-key-number-${i}` })
  const sealed = await readSealed()
  expect(sealed.every(isInFiles)).toBe(true)
  for (let i = 0; i < 30; i++) await keys.deleteProviderKey(actor, 'openai')
  expect(sealed.filter(isInFiles)).toEqual([])
  expect(await countShredded()).toBe(30)
  await keys.close()
})

test('a replacement leaves none of the old one', async () => {
  const { keys } = setUp(database)
  const actor = { userId, ip: null }
  await keys.addProviderKey(actor, { provider: 'openai', api_key: 'sk-canary-first-secret' })
  const [before] = await readSealed()
  await keys.updateProviderKey(actor, 'openai', { api_key: 'sk-canary-second-secret' })
  const [after] = await readSealed()
  expect([isInFiles(before!), isInFiles(after!)]).toEqual([false, true])
  expect((await readAudit(database)).at(-1)).toMatchObject({ action: 'key.shredded', details: { key_version: 1 } })
  await keys.close()
})

test('while somebody reads an older state it is tried again, and said only when done', async () => {
  const { keys } = setUp(database, { retryMs: 20 })
  const actor = { userId, ip: null }
  await keys.addProviderKey(actor, { provider: 'openai', api_key: 'sk-canary-secret-in-the-way' })
  const [sealed] = await readSealed()
  const reader = new DatabaseSync(join(folder, 'test.db'))
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM user_provider_keys').get()
  await keys.deleteProviderKey(actor, 'openai')
  expect({ shredded: await countShredded(), inFiles: isInFiles(sealed!) }).toEqual({ shredded: 0, inFiles: true })
  reader.exec('COMMIT')
  reader.close()
  await expect.poll(countShredded).toBe(1)
  expect(isInFiles(sealed!)).toBe(false)
  await keys.close()
})

test('a start erases what an earlier run could not', async () => {
  const { keys } = setUp(database)
  await keys.addProviderKey({ userId, ip: null }, { provider: 'openai', api_key: 'sk-canary-left-behind' })
  const [sealed] = await readSealed()
  await database.query.deleteFrom('user_provider_keys').execute()
  expect(isInFiles(sealed!)).toBe(true)
  await setUp(database).keys.start()
  expect(isInFiles(sealed!)).toBe(false)
  await keys.close()
})
