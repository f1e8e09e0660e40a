// Management addresses answer a user so often a minute and no more; everybody else goes on.
import { afterEach, expect, test } from 'vitest'
import { createMovableClock } from '../../../test/support/account-rooms.ts'
import { ADMIN_TOKEN, startTestHttp, type TestHttp, USER_TOKEN } from '../../../test/support/http-server.ts'
import { defineControlRoute, type RateClass } from '../../http/route.ts'
import { createControlPace } from './control-pace.ts'

let started: TestHttp | undefined
afterEach(() => started?.http.drain(0))

const route = (path: string, rateClass: RateClass, credential: 'session' | 'none') =>
  defineControlRoute({
    method: 'GET',
    path,
    credential,
    ...(credential === 'session' ? { role: 'user' as const } : {}),
    bodyCap: 0,
    rateClass,
    summary: 'test',
    answers: { 200: { description: 'x' } },
    handle: async () => ({ status: 200, body: {} }),
  })

test('after 1,200 calls at once a user waits, by Retry-After; others, and addresses of other classes, do not', async () => {
  const clock = createMovableClock()
  const admit = createControlPace({ clock })
  const routes = [route('/admin/things', 'control', 'session'), route('/auth/setup', 'open', 'none')]
  const { url } = (started = await startTestHttp({ routes, admit }))
  const get = (path: string, token: string) => fetch(url + path, { headers: { authorization: `Bearer ${token}` } })
  for (let i = 0; i < 1_200; i++) expect((await get('/admin/things', USER_TOKEN)).status).toBe(200)

  const refused = await get('/admin/things', USER_TOKEN)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  expect(await refused.json()).toEqual({ error: expect.stringContaining('1200 a minute'), code: 'too_many_attempts' })
  expect((await get('/admin/things', ADMIN_TOKEN)).status).toBe(200)
  expect((await get('/auth/setup', USER_TOKEN)).status).toBe(200)
  // A refused call costs nothing: what is earned in a second can be spent.
  clock.advance(1_000)
  for (let i = 0; i < 20; i++) expect((await get('/admin/things', USER_TOKEN)).status).toBe(200)
  expect((await get('/admin/things', USER_TOKEN)).status).toBe(429)
})
