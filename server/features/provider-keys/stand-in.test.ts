// What stood in for a key that stopped serving: counted as the log of requests has it, on both databases.
import { expect, test } from 'vitest'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { addPlainUser } from '../../../test/support/plain-users.ts'
import { createRequestLog } from '../usage/request-log.ts'
import { setUp } from './testing.ts'

describeOnEachDatabase('what stood in for a key', (open) => {
  test('counts what the server paid for since the key last worked, for that reason, of that user and provider', async () => {
    const database = await open()
    const userId = await addPlainUser(database)
    const requestLog = createRequestLog({ database, ledger: { flush: () => Promise.resolve() } })
    const { keys, time } = setUp(database, { countStandIns: (of) => requestLog.countServed(of) })
    const { id } = await keys.addProviderKey(
      { userId, ip: '192.0.2.7' },
      { provider: 'openai', api_key: 'sk-1234567890123456' },
    )
    expect(await keys.readStandIn(userId, id)).toEqual({ since: null, requests: 0, from: null })

    const [record] = await keys.chainFor(userId)
    time.now += 60_000
    keys.markStatus(record!, 'active', null)
    await keys.flush()
    const workedAt = time.now
    time.now += 60_000
    const [working] = await keys.chainFor(userId)
    keys.markStatus(working!, 'invalid', null)
    await keys.flush()
    const rejectedAt = time.now
    let number = 0
    const request = (fields: object) => ({
      id: `r${++number}`,
      // The request that found it began before it was rejected.
      created_at: rejectedAt - 300,
      user_id: userId,
      api_key_id: null,
      operation: 'chat',
      requested_model: 'gpt-x',
      model: 'gpt-x',
      provider: 'openai',
      client_dialect: 'openai-chat',
      billed_to: 'server',
      fallback: 'invalid',
      status: 200,
      outcome: 'done',
      streamed: false,
      warnings: '[]',
      attempts: 1,
      cost_source: 'unknown',
      duration_ms: 1,
      ...fields,
    })
    const rows = [
      request({}),
      request({ created_at: rejectedAt + 5 }),
      request({ created_at: workedAt - 1 }),
      request({ fallback: 'outage' }),
      request({ billed_to: 'team' }),
      request({ provider: 'google' }),
      request({ operation: 'models' }),
      request({ user_id: await addPlainUser(database) }),
    ]
    await database.insertMany([{ table: 'requests', rows: rows as never }])
    expect(await keys.readStandIn(userId, id)).toEqual({
      since: new Date(rejectedAt).toISOString(),
      requests: 2,
      from: new Date(workedAt).toISOString(),
    })
  })

  test('is nobody else’s to ask', async () => {
    const database = await open()
    const userId = await addPlainUser(database)
    const { keys } = setUp(database)
    const { id } = await keys.addProviderKey(
      { userId, ip: '192.0.2.7' },
      { provider: 'openai', api_key: 'sk-1234567890123456' },
    )
    await expect(keys.readStandIn(await addPlainUser(database), id)).rejects.toMatchObject({ status: 404 })
  })
})
