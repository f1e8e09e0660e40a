import { expect, test } from 'vitest'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import type { Database } from '../../database/database.ts'
import { systemClock } from '../../kernel/clock.ts'
import { Secret } from '../../kernel/secret.ts'
import { AUDIT_GENESIS, createAudit, hashAuditEntry, type AuditEntry } from './audit.ts'

const entry = (action: string, details: object = {}): AuditEntry => ({
  actorType: 'user',
  actorId: 'u1',
  ip: '192.0.2.1',
  action,
  targetType: 'api-key',
  targetId: 'k1',
  details,
})

const readAll = (database: Database) => database.query.selectFrom('audit_log').selectAll().orderBy('sequence').execute()

describeOnEachDatabase('the audit log', (open) => {
  test('entries form one chain from the genesis on', async () => {
    const database = await open()
    const audit = createAudit({ database, clock: systemClock })
    expect(await audit.verify()).toEqual({ ok: true, entries: 0, head: AUDIT_GENESIS })
    for (let i = 0; i < 5; i++) await audit.record(entry(`test.${i}`, { i, text: 'a "quoted" ✓' }))
    const rows = await readAll(database)
    expect(rows.map((row) => row.sequence)).toEqual([1, 2, 3, 4, 5])
    expect(rows[0]!.previous_hash).toBe(AUDIT_GENESIS)
    expect(rows[3]!.previous_hash).toBe(rows[2]!.hash)
    expect(await audit.verify()).toEqual({ ok: true, entries: 5, head: rows[4]!.hash })
  })

  test('the hash covers every column', async () => {
    const database = await open()
    const audit = createAudit({ database, clock: systemClock })
    await audit.record(entry('test.done'))
    const { hash, ...row } = (await readAll(database))[0]!
    expect(hashAuditEntry(row)).toBe(hash)
    for (const column of Object.keys(row)) {
      expect(hashAuditEntry({ ...row, [column]: 'other' } as typeof row), column).not.toBe(hash)
    }
    // Text that moves from one column to its neighbour is another entry.
    expect(hashAuditEntry({ ...row, action: 'a', target_type: 'bc' })).not.toBe(
      hashAuditEntry({ ...row, action: 'ab', target_type: 'c' }),
    )
  })

  test('several processes that write at the same moment make one chain, and lose no entry', async () => {
    const first = await open()
    const second = await open({ sameAs: first })
    const audits = [
      createAudit({ database: first, clock: systemClock }),
      createAudit({ database: second, clock: systemClock }),
    ]
    await Promise.all(Array.from({ length: 40 }, (_, i) => audits[i % 2]!.record(entry(`test.${i}`))))
    expect(await audits[0]!.verify()).toMatchObject({ ok: true, entries: 40 })
  })

  test('an entry belongs to the transaction that made it', async () => {
    const database = await open()
    const audit = createAudit({ database, clock: systemClock })
    await expect(
      database.transaction(async (tx) => {
        await audit.record(entry('test.undone'), tx)
        throw new Error('undo')
      }),
    ).rejects.toThrow('undo')
    await database.transaction((tx) => audit.record(entry('test.done'), tx))
    expect((await readAll(database)).map((row) => row.action)).toEqual(['test.done'])
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 1 })
  })

  test.each<[string, (database: Database) => Promise<unknown>, number]>([
    [
      'changed',
      (database) =>
        database.query.updateTable('audit_log').set({ actor_id: 'other' }).where('sequence', '=', 2).execute(),
      2,
    ],
    ['removed', (database) => database.query.deleteFrom('audit_log').where('sequence', '=', 2).execute(), 2],
    [
      'replaced with a fitting hash',
      async (database) => {
        const { hash: _hash, ...row } = (await readAll(database))[1]!
        const forged = { ...row, actor_id: 'other' }
        await database.query
          .updateTable('audit_log')
          .set({ ...forged, hash: hashAuditEntry(forged) })
          .where('sequence', '=', 2)
          .execute()
      },
      3,
    ],
  ])('an entry that was %s is noticed', async (_how, tamper, sequence) => {
    const database = await open()
    const audit = createAudit({ database, clock: systemClock })
    for (let i = 0; i < 4; i++) await audit.record(entry(`test.${i}`))
    await tamper(database)
    expect(await audit.verify()).toMatchObject({ ok: false, sequence })
  })

  test('a chain longer than one page is walked to its end', async () => {
    const database = await open()
    const audit = createAudit({ database, clock: systemClock })
    await database.transaction(async (tx) => {
      for (let i = 0; i < 501; i++) await audit.record(entry(`test.${i}`), tx)
    })
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 501 })
    await database.query.updateTable('audit_log').set({ details: '{}x' }).where('sequence', '=', 501).execute()
    expect(await audit.verify()).toMatchObject({ ok: false, sequence: 501 })
  })

  test('a secret among the details is written as redacted', async () => {
    const database = await open()
    await createAudit({ database, clock: systemClock }).record(entry('test.done', { key: new Secret('sk-canary') }))
    expect((await readAll(database))[0]!.details).toBe('{"key":"[redacted]"}')
  })
})
