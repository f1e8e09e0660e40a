// What every store relies on, on both databases.
import fc from 'fast-check'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { describeOnEachDatabase } from '../../test/support/databases.ts'
import { GatewayError } from '../kernel/errors.ts'
import { NO_LIMITS } from '../kernel/limits.ts'
import type { Database } from './database.ts'
import { isForeignKeyViolation, isUniqueViolation, StorageError } from './errors.ts'
import type { UserTable } from './schema.ts'

function userRow(id: string, changes: Partial<UserTable> = {}): UserTable {
  return {
    id,
    email: `${id}@example.org`,
    name: 'Ada',
    password_hash: null,
    role: 'user',
    is_active: true,
    fallback: '"allow"',
    auth_gen: 1,
    ...NO_LIMITS,
    last_login_at: null,
    created_at: 1_795_000_000_000,
    updated_at: 1_795_000_000_000,
    ...changes,
  }
}

function settingRow(name: string, value = 'v') {
  return { name, value, updated_at: 1, updated_by: null }
}

async function countSettings(database: Database): Promise<number> {
  const { count } = await database.query
    .selectFrom('settings')
    .select((of) => of.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('this must not succeed'),
    (error: unknown) => error,
  )
}

describeOnEachDatabase('values', (open) => {
  test('a row comes back as it was written: text, numbers, booleans, null', async () => {
    const database = await open()
    const row = userRow('u1', {
      name: `"quoted" 'text' ünïcødé 🦉 \n`,
      is_active: false,
      auth_gen: Number.MAX_SAFE_INTEGER,
      last_login_at: -5,
    })
    await database.query.insertInto('users').values(row).execute()
    expect(await database.query.selectFrom('users').selectAll().execute()).toEqual([row])
  })

  test('any text and any safe integer survive', async () => {
    const database = await open()
    const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed() && !value.includes('\0'))
    await fc.assert(
      fc.asyncProperty(text, fc.maxSafeInteger(), fc.boolean(), async (name, auth_gen, is_active) => {
        await database.query.deleteFrom('users').execute()
        const row = userRow('u1', { name, auth_gen, is_active })
        await database.query.insertInto('users').values(row).execute()
        expect(await database.query.selectFrom('users').selectAll().executeTakeFirst()).toEqual(row)
      }),
      { numRuns: 50 },
    )
  })

  test('booleans are booleans in RETURNING, under another name, and as a condition', async () => {
    const database = await open()
    const inserted = await database.query
      .insertInto('users')
      .values([userRow('u1'), userRow('u2', { is_active: false })])
      .returning(['id', 'is_active as usable'])
      .execute()
    expect(inserted).toEqual([
      { id: 'u1', usable: true },
      { id: 'u2', usable: false },
    ])
    const found = await database.query.selectFrom('users').select('id').where('is_active', '=', false).execute()
    expect(found).toEqual([{ id: 'u2' }])
  })

  test('counts, sums and divided bound integers are whole numbers', async () => {
    const database = await open()
    await database.query
      .insertInto('users')
      .values([userRow('u1'), userRow('u2')])
      .execute()
    const row = await database.query
      .selectFrom('users')
      .select((of) => [
        of.fn.countAll<number>().as('count'),
        of.fn.sum<number>('auth_gen').as('sum'),
        sql<number>`max(created_at) / ${86_400_000}`.as('day'),
      ])
      .executeTakeFirstOrThrow()
    expect(row).toEqual({ count: 2, sum: 2, day: 20_775 })
  })

  test('changed rows are counted', async () => {
    const database = await open()
    await database.query
      .insertInto('users')
      .values([userRow('u1'), userRow('u2')])
      .execute()
    const result = await database.query.updateTable('users').set({ name: 'Bea' }).executeTakeFirst()
    expect(result.numUpdatedRows).toBe(2n)
  })

  test('U+0000 is refused with a clear sentence, not stored here and rejected there', async () => {
    const database = await open()
    const error = await failure(database.query.insertInto('settings').values(settingRow('a', 'x\0y')).execute())
    expect(error).toMatchObject({ code: 'bad_request', status: 400 })
    expect(await countSettings(database)).toBe(0)
  })
})

describeOnEachDatabase('constraints', (open) => {
  test('a doubled unique value and a doubled primary key are unique violations and nothing else', async () => {
    const database = await open()
    await database.query.insertInto('users').values(userRow('u1')).execute()
    const again = userRow('u2', { email: 'u1@example.org' })
    for (const row of [again, userRow('u1', { email: 'other@example.org' })]) {
      const error = await failure(database.query.insertInto('users').values(row).execute())
      expect(isUniqueViolation(error)).toBe(true)
      expect(isForeignKeyViolation(error)).toBe(false)
    }
  })

  test('a row that refers to nothing is a foreign key violation and nothing else', async () => {
    const database = await open()
    const code = {
      id: 'c1',
      code_hash: 'h',
      purpose: 'reset' as const,
      user_id: 'nobody',
      email: null,
      created_by: null,
      created_at: 1,
      expires_at: 2,
      used_at: null,
    }
    const error = await failure(database.query.insertInto('one_time_codes').values(code).execute())
    expect(isForeignKeyViolation(error)).toBe(true)
    expect(isUniqueViolation(error)).toBe(false)
  })

  test('deleting a user deletes what hangs on it', async () => {
    const database = await open()
    await database.query.insertInto('users').values(userRow('u1')).execute()
    await sql`INSERT INTO one_time_codes (id, code_hash, purpose, user_id, created_at, expires_at) VALUES ('c', 'h', 'reset', 'u1', 1, 2)`.execute(
      database.query,
    )
    await database.query.deleteFrom('users').execute()
    expect(await database.query.selectFrom('one_time_codes').selectAll().execute()).toEqual([])
  })

  test('an error repeats no value of the row', async () => {
    const database = await open()
    const row = userRow('u1', { password_hash: 'canary-in-a-row', role: 'nonsense' as 'user' })
    const error = await failure(database.query.insertInto('users').values(row).execute())
    expect(error).toBeInstanceOf(StorageError)
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String((error as Error).stack)).not.toContain(
      'canary',
    )
  })
})

describeOnEachDatabase('transactions', (open) => {
  test('a transaction that fails leaves nothing behind, and the next one works', async () => {
    const database = await open()
    const boom = new Error('boom')
    const failed = database.transaction(async (tx) => {
      await tx.insertInto('settings').values(settingRow('a')).execute()
      throw boom
    })
    expect(await failure(failed)).toBe(boom)
    expect(await countSettings(database)).toBe(0)
    await database.transaction((tx) => tx.insertInto('settings').values(settingRow('a')).execute())
    expect(await countSettings(database)).toBe(1)
  })

  test('a transaction whose statement was refused is rolled back whole', async () => {
    const database = await open()
    const failed = database.transaction(async (tx) => {
      await tx.insertInto('settings').values(settingRow('a')).execute()
      await tx.insertInto('settings').values(settingRow('a')).execute()
    })
    expect(isUniqueViolation(await failure(failed))).toBe(true)
    expect(await countSettings(database)).toBe(0)
  })

  test('others do not see rows before the commit', async () => {
    const database = await open()
    const seen: number[] = []
    const outside = new Promise<void>((resolve) => {
      void database
        .transaction(async (tx) => {
          await tx.insertInto('settings').values(settingRow('a')).execute()
          await new Promise((settle) => setTimeout(settle, 20))
          resolve()
          throw new Error('rolled back')
        })
        .catch(() => {})
    })
    const reading = countSettings(database).then((count) => seen.push(count))
    await Promise.all([outside, reading])
    expect(seen).toEqual([0])
  })

  test('twenty increments at once are all counted when the database adds', async () => {
    const database = await open()
    await database.query
      .insertInto('users')
      .values(userRow('u1', { auth_gen: 0 }))
      .execute()
    await Promise.all(
      Array.from({ length: 20 }, () =>
        database.query
          .updateTable('users')
          .set((of) => ({ auth_gen: of('auth_gen', '+', 1) }))
          .where('id', '=', 'u1')
          .execute(),
      ),
    )
    const row = await database.query.selectFrom('users').select('auth_gen').executeTakeFirst()
    expect(row?.auth_gen).toBe(20)
  })

  test('transactions and single statements, many at once and mixed, all succeed', async () => {
    const database = await open()
    const works = Array.from({ length: 60 }, (_, index) =>
      index % 2 === 0
        ? database.query
            .insertInto('settings')
            .values(settingRow(`s${index}`))
            .execute()
        : database.transaction(async (tx) => {
            await tx
              .insertInto('settings')
              .values(settingRow(`s${index}`))
              .execute()
            await tx.updateTable('settings').set({ value: 'seen' }).where('name', '=', `s${index}`).execute()
          }),
    )
    await Promise.all(works)
    expect(await countSettings(database)).toBe(60)
  })

  test('the database itself, used inside a transaction, refuses at once and names the remedy', async () => {
    const database = await open()
    const uses: (() => Promise<unknown>)[] = [
      () => countSettings(database),
      () => database.transaction((tx) => tx.selectFrom('users').selectAll().execute()),
      () => database.insertMany([{ table: 'settings', rows: [settingRow('x')] }]),
    ]
    for (const use of uses) {
      const error = await failure(database.transaction(() => use()))
      expect((error as Error).message).toContain('Use the transaction (tx)')
    }
    expect(await countSettings(database)).toBe(0)
  })

  test('work that was started inside a transaction may use the database once it is over', async () => {
    const database = await open()
    const over = Promise.withResolvers<void>()
    let later: Promise<number> | undefined
    await database.transaction(async (tx) => {
      await tx.insertInto('settings').values(settingRow('a')).execute()
      later = over.promise.then(() => countSettings(database))
    })
    over.resolve()
    expect(await later).toBe(1)
  })
})

describeOnEachDatabase('insertMany', (open) => {
  test('rows are added once, however often they are sent', async () => {
    const database = await open()
    const batches = [
      { table: 'settings' as const, rows: [settingRow('a', '1'), settingRow('b', '1')] },
      { table: 'users' as const, rows: [userRow('u1', { is_active: false }), userRow('u2')] },
    ]
    await database.insertMany(batches)
    await database.insertMany([{ table: 'settings', rows: [settingRow('a', 'changed'), settingRow('c')] }, ...batches])
    const settings = await database.query.selectFrom('settings').select(['name', 'value']).orderBy('name').execute()
    expect(settings.map(({ name, value }) => name + value)).toEqual(['a1', 'b1', 'cv'])
    const users = await database.query.selectFrom('users').selectAll().orderBy('id').execute()
    expect(users).toEqual([userRow('u1', { is_active: false }), userRow('u2')])
  })

  test('two rows of one batch with the same key count once', async () => {
    const database = await open()
    await database.insertMany([{ table: 'settings', rows: [settingRow('a', 'first'), settingRow('a', 'second')] }])
    const rows = await database.query.selectFrom('settings').select('value').execute()
    expect(rows).toEqual([{ value: 'first' }])
  })

  test('columns that some rows leave out are null there', async () => {
    const database = await open()
    const { updated_by: _, ...short } = settingRow('a')
    await database.insertMany([{ table: 'settings', rows: [short, { ...settingRow('b'), updated_by: 'me' }] }])
    const rows = await database.query.selectFrom('settings').select(['name', 'updated_by']).orderBy('name').execute()
    expect(rows).toEqual([
      { name: 'a', updated_by: null },
      { name: 'b', updated_by: 'me' },
    ])
  })

  test('a refused row refuses all batches together', async () => {
    const database = await open()
    const bad = [settingRow('good'), { ...settingRow('bad'), value: null }]
    const error = await failure(database.insertMany([{ table: 'settings', rows: bad }]))
    expect(error).toBeInstanceOf(StorageError)
    expect(await countSettings(database)).toBe(0)
  })

  test('any text a client can send is stored, what cannot be stored as U+FFFD', async () => {
    const database = await open()
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => {
        await database.query.deleteFrom('settings').execute()
        await database.insertMany([{ table: 'settings', rows: [settingRow('a', value)] }])
        const row = await database.query.selectFrom('settings').select('value').executeTakeFirst()
        expect(row?.value).toBe(value.replaceAll('\0', '\uFFFD').toWellFormed())
      }),
      { numRuns: 50, examples: [['a\0b'], ['\ud800'], ['\\u0000'], ['🦉'], ['{"a":"\\ud800"}']] },
    )
  })

  test('nothing to insert is no work', async () => {
    const database = await open()
    await database.insertMany([])
    await database.insertMany([{ table: 'settings', rows: [] }])
    expect(await countSettings(database)).toBe(0)
  })
})

describeOnEachDatabase('the handle', (open) => {
  test('it answers a ping, and after closing only errors', async () => {
    const database = await open()
    await database.ping()
    await database.close()
    await database.close()
    expect(await failure(database.ping())).toBeInstanceOf(Error)
  })

  test('a second handle on the same database sees the first one’s rows', async () => {
    const database = await open()
    const other = await open({ sameAs: database })
    await database.query.insertInto('settings').values(settingRow('a')).execute()
    expect(await countSettings(other)).toBe(1)
  })

  test('each opened database begins empty', async () => {
    const database = await open()
    expect(await countSettings(database)).toBe(0)
    expect(await database.query.selectFrom('users').selectAll().execute()).toEqual([])
  })
})

describe('errors', () => {
  test('an error that is not the database’s is no violation', () => {
    for (const error of [undefined, null, new Error('UNIQUE'), new GatewayError('conflict'), { code: '23505' }]) {
      expect(isUniqueViolation(error)).toBe(false)
      expect(isForeignKeyViolation(error)).toBe(false)
    }
  })
})
