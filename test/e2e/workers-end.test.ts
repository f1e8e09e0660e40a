// How the workers of one machine end and are replaced where that is not smooth: what is served is finished, nobody is
// started beside those that go on, and who says so twice does not wait.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerResponse } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { openStream, type OpenStream } from '../support/open-stream.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const CHAT = CHAT_DIALECTS[0]!
const PATIENT = { timeout: 60_000, interval: 50 }
/** A launcher's echo of the first signal is no second one. */
const ECHO_MS = 1_200

const started: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of started.splice(0).reverse()) await stop()
})

async function start(): Promise<{ uniroute: UniRoute; openAnswer: () => Promise<[OpenStream, ServerResponse]> }> {
  const upstream: ScriptedUpstream = await startScriptedUpstream({ emptyModelLists: true })
  started.push(() => upstream.close())
  const uniroute = await startUniRoute({ env: { ...upstream.env, WORKERS: '2' } })
  started.push(async () => {
    await uniroute.stop()
    expect(uniroute.scanAndRemove()).toEqual([])
  })
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  return {
    uniroute,
    async openAnswer() {
      const { promise: playing, resolve } = Promise.withResolvers<ServerResponse>()
      upstream.play = (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}\n\n')
        resolve(response)
      }
      const body = CHAT.body('hello', CHAT.model, true)
      const stream = await openStream(uniroute.url + CHAT.path(CHAT.model, true), CHAT.auth(caller.apiKey), body)
      await stream.until((text) => text.includes('Hello'))
      return [stream, await playing]
    },
  }
}

const isDraining = ({ stderr }: UniRoute): boolean => /"in_flight":1[^\n]*"draining"/.test(stderr())

test('a stop while workers are replaced lets the one that is ending finish what it serves', async () => {
  const { uniroute, openAnswer } = await start()
  const [stream, answer] = await openAnswer()
  uniroute.child.kill('SIGUSR2')
  await vi.waitUntil(() => isDraining(uniroute), PATIENT)
  await sleep(ECHO_MS)
  const exit = uniroute.stop()
  await vi.waitUntil(() => uniroute.stderr().match(/"draining"/g)!.length >= 3, PATIENT)
  answer.end('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
  const { text, broken } = await stream.end()
  expect(broken).toBe(false)
  expect(text).toContain('[DONE]')
  expect(await exit).toBe(0)
})

test('a second stop does not wait', async () => {
  const { uniroute, openAnswer } = await start()
  const [stream] = await openAnswer()
  const exited = once(uniroute.child, 'exit')
  uniroute.child.kill('SIGTERM')
  await vi.waitUntil(() => isDraining(uniroute), PATIENT)
  await sleep(ECHO_MS)
  uniroute.child.kill('SIGTERM')
  expect((await exited)[0]).toBe(1)
  expect((await stream.end()).broken).toBe(true)
})

test('where a new worker does not come up the old ones go on, as many as they were', async () => {
  const { uniroute } = await start()
  const { pid } = uniroute.child
  const workers = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const before = workers()
  const outside = new DatabaseSync(join(uniroute.dataDir, 'uniroute.db'))
  outside.exec('BEGIN EXCLUSIVE')
  uniroute.child.kill('SIGUSR2')
  await vi.waitUntil(() => uniroute.stderr().includes('a new worker did not come up'), PATIENT)
  outside.exec('ROLLBACK')
  outside.close()
  expect(uniroute.stderr()).not.toContain('a new one takes its place')
  expect(workers()).toBe(before)
})
