// The stream of what happens: told as it comes, however it is cut, and begun again after a break.
import { afterEach, expect, test, vi } from 'vitest'
import { listenToEvents } from './liveEvents.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const stream = (...pieces: string[]): Response =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
        controller.close()
      },
    }),
  )

test('events are told however the stream is cut; comments are passed over; a broken stream is begun again', async () => {
  vi.useFakeTimers()
  const answers = [
    stream('event: ready\ndata: {}\n\n: heartbeat\n\nevent: key\nda', 'ta: {"id":"pk_1","status":"invalid"}\n', '\n'),
    stream('event: ready\ndata: {}\n\n'),
  ]
  const fetched = vi.fn(async () => {
    const next = answers.shift()
    if (!next) throw new TypeError('network')
    return next
  })
  vi.stubGlobal('fetch', fetched)
  const seen: unknown[] = []
  const stop = new AbortController()
  const done = listenToEvents(
    { ready: () => seen.push('ready'), key: (event) => seen.push(event) },
    { signal: stop.signal },
  )
  await vi.advanceTimersByTimeAsync(10)
  expect(seen).toEqual(['ready', { id: 'pk_1', status: 'invalid' }])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(seen).toEqual(['ready', { id: 'pk_1', status: 'invalid' }, 'ready'])
  expect(fetched.mock.calls.length).toBeGreaterThan(2)
  stop.abort()
  await done
})
