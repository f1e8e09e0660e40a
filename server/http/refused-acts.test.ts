import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { defineControlRoute } from './route.ts'
import { createRefusedActs, type RefusedAct } from './refused-acts.ts'
import { startTestHttp, USER_TOKEN } from '../../test/support/http-server.ts'

afterEach(() => void vi.useRealTimers())

const act = (userId: string, path = '/admin/users'): RefusedAct => ({
  userId,
  ip: '192.0.2.1',
  method: 'GET',
  path,
  code: 'forbidden',
})

function listen(): { note: (act: RefusedAct) => void; lines: any[] } {
  vi.useFakeTimers()
  const lines: any[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  return { note: createRefusedActs(log), lines }
}

test('the first is told at once, a thousand more within the minute as one line', () => {
  const { note, lines } = listen()
  for (let i = 0; i < 1001; i++) note(act('mallory'))
  note(act('trent'))
  expect(lines).toMatchObject([
    { user_id: 'mallory', ip: '192.0.2.1', method: 'GET', path: '/admin/users', code: 'forbidden', times: 1 },
    { user_id: 'trent', times: 1 },
  ])
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(3)
  expect(lines[2]).toMatchObject({ user_id: 'mallory', times: 1000 })
  note(act('mallory'))
  expect(lines).toHaveLength(4)
})

test('however many kinds there are, the lines of a minute are bounded', () => {
  const { note, lines } = listen()
  for (let i = 0; i < 2000; i++) note(act(`user ${i}`))
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(501)
  expect(lines.at(-1)).toMatchObject({ times: 1500 })
})

test('whoever asks for what only administrators may is in the log, by the path of the table', async () => {
  const route = defineControlRoute({
    method: 'DELETE',
    path: '/admin/things/:ref',
    credential: 'session',
    role: 'admin',
    bodyCap: 0,
    rateClass: 'control',
    summary: 'test',
    answers: { 204: { description: 'ok' } },
    handle: async () => ({ status: 204 }),
  })
  const http = await startTestHttp({ routes: [route] })
  const answer = await fetch(`${http.url}/admin/things/a-thing-of-mine`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${USER_TOKEN}` },
  })
  http.http.server.close()
  expect(answer.status).toBe(403)
  const lines = http.logged.filter((line) => line.includes('refused by rights'))
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0]!)).toMatchObject({ user_id: 'the-user', method: 'DELETE', path: '/admin/things/:ref' })
  expect(lines[0]).not.toContain('a-thing-of-mine')
})
