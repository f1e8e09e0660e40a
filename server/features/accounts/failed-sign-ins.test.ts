// What the audit log says of failed sign-ins, on both databases: who was tried, from where, how often, and not more.
import { expect, test } from 'vitest'
import { ADMIN, useAccountRooms } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, silentLog } from '../../../test/support/databases.ts'
import type { Database } from '../../database/database.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createAudit } from '../audit/audit.ts'
import { createFailedSignIns } from './failed-sign-ins.ts'

const open = useAccountRooms()

async function readFailures(database: Database) {
  const rows = await database.query
    .selectFrom('audit_log')
    .selectAll()
    .where('action', '=', 'sign-in.failed')
    .orderBy('sequence')
    .execute()
  return rows.map(({ details, ...row }) => ({ ...row, details: JSON.parse(details) as Record<string, unknown> }))
}

describeOnEachDatabase('failed sign-ins', (openDatabase) => {
  test('stand in the audit log with account and address, and without the password', async () => {
    const database = await openDatabase()
    const { send, accounts, audit } = await open(database)
    const password = 'guessed-canary-1'
    const guess = (email: string, ip: string) => send('POST', '/auth/login', { ip, body: { email, password } })
    expect((await guess(ADMIN.email, '192.0.2.1')).status).toBe(401)
    expect((await guess(ADMIN.email, '192.0.2.1')).status).toBe(401)
    expect((await guess('stranger@example.net', '192.0.2.2')).status).toBe(401)
    expect((await send('POST', '/auth/login', { body: ADMIN })).status).toBe(200)
    expect(await readFailures(database)).toEqual([])

    await accounts.flush()
    const admin = await database.query.selectFrom('users').select('id').executeTakeFirstOrThrow()
    const nobody = { actor_type: 'system', actor_id: null }
    const failures = await readFailures(database)
    expect(failures).toMatchObject([
      {
        ...nobody,
        ip: '192.0.2.1',
        target_type: 'user',
        target_id: admin.id,
        details: { email: 'a…@example.org', attempts: 2, throttled: 0 },
      },
      {
        ...nobody,
        ip: '192.0.2.2',
        target_type: null,
        target_id: null,
        details: { email: 's…@example.net', attempts: 1, throttled: 0 },
      },
    ])
    expect(JSON.stringify(failures)).not.toMatch(/canary|stranger|admin@/)
    expect(await audit.verify()).toMatchObject({ ok: true })
    // Written once.
    await accounts.flush()
    expect(await readFailures(database)).toHaveLength(2)
  })

  test('a guesser who is told to wait goes on being counted, in the same line', async () => {
    const database = await openDatabase()
    const { send, accounts } = await open(database)
    const statuses: number[] = []
    for (let i = 0; i < 14; i++) {
      const body = { email: ADMIN.email, password: `guess ${i}` }
      statuses.push((await send('POST', '/auth/login', { ip: '192.0.2.1', body })).status)
    }
    await accounts.flush()
    const throttled = statuses.filter((status) => status === 429).length
    expect(throttled).toBeGreaterThan(0)
    expect(await readFailures(database)).toMatchObject([{ details: { attempts: 14, throttled } }])
  })

  test('ten thousand accounts and networks are a hundred lines and one for the rest', async () => {
    const database = await openDatabase()
    const audit = createAudit({ database, clock: systemClock })
    const failed = createFailedSignIns({ database, audit, log: silentLog })
    for (let i = 0; i < 10_000; i++) {
      failed.note({ email: `u${i}@example.org`, ip: `10.0.${i >> 8}.${i & 255}`, userId: null, throttled: false })
    }
    await failed.flush()
    const failures = await readFailures(database)
    expect(failures).toHaveLength(101)
    const attempts = failures.map(({ details }) => Number(details['attempts']))
    expect(attempts.reduce((sum, count) => sum + count, 0)).toBe(10_000)
    expect(failures.filter(({ ip }) => ip === null)).toMatchObject([{ details: { email: null, attempts: 9_900 } }])
  })

  test('what the database did not take is written the next time', async () => {
    const database = await openDatabase()
    const audit = createAudit({ database, clock: systemClock })
    let down = true
    const failed = createFailedSignIns({
      audit,
      log: silentLog,
      database: {
        transaction: (work) => (down ? Promise.reject(new Error('no database')) : database.transaction(work)),
      },
    })
    const failure = { email: 'a@example.org', ip: '2001:db8::1', userId: null, throttled: false }
    failed.note(failure)
    await failed.flush()
    failed.note({ ...failure, ip: '2001:db8::2' })
    down = false
    await failed.flush()
    expect(await readFailures(database)).toMatchObject([{ details: { attempts: 2 } }])
  })
})
