// What a try promises whoever settles it in the ledger: it ends, and leaves nothing behind.
import { type IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../kernel/clock.ts'
import { openai } from '../providers/openai.ts'
import { createUpstream } from '../upstream/create-upstream.ts'
import { runAttempt } from './attempt.ts'
import type { Carrier } from './carrier.ts'
import type { Exchange, Target } from './exchange.ts'
import { createWatch, DEFAULT_TIMERS } from './watch.ts'

const upstream = createUpstream()
afterAll(() => upstream.close())

test('a request that cannot even be handed over ends the try, and nothing waits on for it', async () => {
  const watch = createWatch({ clock: systemClock })
  const response = new ServerResponse({ method: 'POST' } as IncomingMessage)
  const target = { provider: { ...openai, origin: 'no address', basePath: '' }, key: null } as unknown as Target
  const carrier = { path: '/v1/models', buildHeaders: () => [], body: [] } as unknown as Carrier
  const tools = { upstream, watch, timers: DEFAULT_TIMERS, streamSilence: () => 0, clock: systemClock }
  const { end } = await runAttempt(tools, { response } as unknown as Exchange, target, carrier, null)
  expect(end.kind).toBe('crashed')
  expect(watch.size).toBe(0)
  expect([response.listenerCount('close'), response.listenerCount('drain')]).toEqual([0, 0])
})
