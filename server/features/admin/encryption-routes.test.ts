// The addresses of the master key, on a real vault: who may, after which sign-in, and with which statuses.
import { expect, test } from 'vitest'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { kidOf, startVaultInstance, storeSealedKeys } from '../../../test/support/vault-instances.ts'
import { encryptionStatusSchema, rotateBodySchema, rotationAnswerSchema } from '../../../contract/encryption.ts'
import type { ControlRequest } from '../../http/route.ts'
import { createEncryptionRoutes } from './encryption-routes.ts'

const OLD = 'b5f1c0de9a47382e6d10fb94c7a2e853'
const NEW = '1c8e40b7f9d25a63e07b94d1c6f83a52'

describeOnEachDatabase('the addresses of the master key', (open) => {
  test('take a recent sign-in, and answer 202 for a change and 200 for none', async () => {
    const database = await open()
    const first = await startVaultInstance(database, { current: OLD })
    await storeSealedKeys(database, first.booted.vault, 3)
    await first.stop()
    const { rotation, stop } = await startVaultInstance(database, { current: NEW, old: [OLD] })
    const routes = createEncryptionRoutes({ rotation })
    const send = async (method: string, body: unknown) => {
      const route = routes.find((one) => one.method === method)!
      expect(route).toMatchObject({ credential: 'session', role: 'admin' })
      // Looking on takes no new sign-in: a change may last longer than one.
      expect(route.recentSignIn).toBe(method === 'POST' ? true : undefined)
      const principal = { userId: 'u1', sessionId: 's1', role: 'admin', kind: 'session' }
      return route.handle({ principal, body, ip: '192.0.2.7' } as unknown as ControlRequest)
    }
    const begun = await send('POST', rotateBodySchema.parse({}))
    expect(begun.status).toBe(202)
    expect(rotationAnswerSchema.parse(begun.body).rotation.to).toBe(kidOf(NEW))
    await expect.poll(async () => (await rotation.readStatus()).rotation.state).toBe('done')
    expect((await send('POST', rotateBodySchema.parse({ action: 'start' }))).status).toBe(200)
    expect((await send('POST', rotateBodySchema.parse({ action: 'pause' }))).status).toBe(200)
    await expect(send('POST', rotateBodySchema.parse({ action: 'retire' }))).rejects.toMatchObject({
      code: 'validation_failed',
    })
    const status = await send('GET', undefined)
    expect(encryptionStatusSchema.strict().parse(status.body)).toEqual(status.body)
    const entry = database.query.selectFrom('audit_log').select(['actor_id', 'ip', 'action']).orderBy('sequence')
    expect(await entry.executeTakeFirst()).toEqual({
      actor_id: 'u1',
      ip: '192.0.2.7',
      action: 'encryption.rotation-started',
    })
    await stop()
  })

  test('refuse what no kid is', () => {
    for (const body of [{ kid: 'x' }, { kid: 'ABCDEF0123456789' }, { action: 'undo' }, { force: true }]) {
      expect(rotateBodySchema.safeParse(body).success).toBe(false)
    }
  })
})
