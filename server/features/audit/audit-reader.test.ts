// Reading the audit log on both databases: who sees what, filters, pages, exports, checkpoints.
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { auditEntrySchema, auditExportQuerySchema, auditListSchema, auditQuerySchema } from '../../../contract/audit.ts'
import { createMovableClock, START } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import type { ControlReply, ControlRequest, Role } from '../../http/route.ts'
import { createAudit } from './audit.ts'
import { createAuditCheckpoints } from './audit-checkpoints.ts'
import { writeCsv } from './audit-export.ts'
import { createAuditReader } from './audit-reader.ts'
import { createAuditRoutes } from './routes.ts'

const MINUTE = 60_000

/** Entries of two people and the system, a minute apart: key.added and key.deleted by turns. */
async function prepare(open: OpenDatabase, count: number) {
  const database = await open()
  const clock = createMovableClock()
  const audit = createAudit({ database, clock })
  for (let i = 0; i < count; i++) {
    const actorId = [null, 'ada', 'bob'][i % 3]!
    await audit.record({
      actorType: actorId === null ? 'system' : 'user',
      actorId,
      ip: '192.0.2.1',
      action: i % 2 === 0 ? 'key.added' : 'key-ring.deleted',
      targetType: 'provider_key',
      targetId: `K${i}`,
      details: { label: `=HYPERLINK("http://x/${i}")`, i },
    })
    clock.advance(MINUTE)
  }
  const reader = createAuditReader(database)
  const routes = createAuditRoutes({ reader, audit })
  const send = async (path: string, query: object, role: Role = 'admin', userId = 'ada'): Promise<ControlReply> => {
    const route = routes.find((one) => one.path === path)!
    expect(route).toMatchObject({ credential: 'session', role: 'user', method: 'GET' })
    const schema = path.endsWith('export') ? auditExportQuerySchema : auditQuerySchema
    return route.handle({ principal: { role, userId }, query: schema.parse(query) } as unknown as ControlRequest)
  }
  const list = async (query: object, role?: Role, userId?: string) =>
    auditListSchema.parse((await send('/admin/audit', query, role, userId)).body)
  return { audit, reader, send, list }
}

describeOnEachDatabase('reading the audit log', (open) => {
  test('a user sees what they did; an administrator everything, or their own', async () => {
    const { list, send } = await prepare(open, 9)
    const sequences = async (...args: Parameters<typeof list>) =>
      (await list(...args)).entries.map((one) => one.sequence)
    expect(await sequences({})).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1])
    expect(await sequences({ own: 'true' })).toEqual([8, 5, 2])
    expect(await sequences({}, 'user', 'bob')).toEqual([9, 6, 3])
    expect(await sequences({ own: 'false' }, 'user', 'bob')).toEqual([9, 6, 3])
    expect(await sequences({ actor: 'ada' }, 'user', 'bob')).toEqual([])
    const exported = await send('/admin/audit/export', {}, 'user', 'bob')
    expect(
      exported
        .text!.trim()
        .split('\n')
        .map((line) => JSON.parse(line).sequence),
    ).toEqual([3, 6, 9])
  })

  test('filters by actor, action, kind of action, target and time', async () => {
    const { list } = await prepare(open, 12)
    const found = async (query: object) => (await list(query)).entries.map(({ sequence }) => sequence)
    expect(await found({ actor: 'bob' })).toEqual([12, 9, 6, 3])
    expect(await found({ action: 'key.added' })).toEqual([11, 9, 7, 5, 3, 1])
    expect(await found({ action: 'key.' })).toEqual([11, 9, 7, 5, 3, 1])
    expect(await found({ action: 'key-ring.' })).toHaveLength(6)
    expect(await found({ target: 'pk_K4' })).toEqual([5])
    const at = (minutes: number): string => new Date(START + minutes * MINUTE).toISOString()
    expect(await found({ from: at(2), to: at(5) })).toEqual([5, 4, 3])
    for (const query of [{ action: '%' }, { limit: 0 }, { limit: 501 }, { from: 'yesterday' }, { user: 'ada' }]) {
      expect(auditQuerySchema.safeParse(query).success).toBe(false)
    }
  })

  test('pages go on where the one before ended, also while entries are added', async () => {
    const { list, audit } = await prepare(open, 7)
    const first = await list({ limit: 3 })
    await audit.record({
      actorType: 'system',
      actorId: null,
      ip: null,
      action: 'late.one',
      targetType: null,
      targetId: null,
      details: {},
    })
    const second = await list({ limit: 3, cursor: first.next })
    const third = await list({ limit: 3, cursor: second.next })
    expect([first, second, third].map(({ entries }) => entries.map(({ sequence }) => sequence))).toEqual([
      [7, 6, 5],
      [4, 3, 2],
      [1],
    ])
    expect(third.next).toBeNull()
  })

  test('exports hold every column, and no cell that a spreadsheet would run', async () => {
    const { send } = await prepare(open, 3)
    const csv = await send('/admin/audit/export', { format: 'csv' })
    expect(csv.headers).toMatchObject({ 'content-type': 'text/csv; charset=utf-8' })
    const [head, ...rows] = csv.text!.trimEnd().split('\r\n')
    expect(head).toBe('sequence,id,at,actor_type,actor_id,ip,action,target_type,target_id,details,previous_hash,hash')
    expect(rows).toHaveLength(3)
    expect(rows[1]).toMatch(
      /^2,aud_\w{26},2026-11-22T12:01:00\.000Z,user,ada,192\.0\.2\.1,key-ring\.deleted,provider_key,K1,"\{""label""/,
    )
    const lines = (await send('/admin/audit/export', {})).text!.trimEnd().split('\n')
    for (const line of lines) expect(auditEntrySchema.strict().parse(JSON.parse(line))).toEqual(JSON.parse(line))
  })

  test('a checkpoint names the last entry and its hash, now and then and at the end', async () => {
    const { reader, audit } = await prepare(open, 2)
    const lines: { sequence: number; hash: string; msg: string }[] = []
    const log = pino(
      new Writable({ write: (line: Buffer, _, done) => (lines.push(JSON.parse(line.toString())), done()) }),
    )
    const checkpoints = createAuditCheckpoints({ reader, log, everyMs: 20 })
    checkpoints.start()
    await expect.poll(() => lines.length).toBeGreaterThan(0)
    await checkpoints.close()
    const verdict = await audit.verify()
    expect(lines.at(-1)).toMatchObject({ sequence: 2, hash: verdict.ok && verdict.head, msg: 'audit checkpoint' })
  })
})

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '＝1', '\n@x'])(
  '%j is no formula in a cell',
  (text) => {
    const entry = {
      id: 'aud_1',
      sequence: 1,
      at: 'now',
      actor_type: 'user',
      actor_id: text,
      ip: null,
      action: 'a.b',
      target_type: null,
      target_id: null,
      details: {},
      hash: 'h',
      previous_hash: 'p',
    }
    expect(writeCsv([entry])).toMatch(/,"?'/)
  },
)
