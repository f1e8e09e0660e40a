// Puts an answer on the wire the way a scenario wants it: whole, in slices, slowly, cut off, or not at all.
import type { ServerResponse } from 'node:http'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { Scenario, ScenarioName } from './scenarios.ts'
import type { Answer } from './wire.ts'

export interface Delivery {
  readonly response: ServerResponse
  readonly answer: Answer
  readonly scenario: Scenario
  readonly acceptsGzip: boolean
  /** The vendor's in-band error, for the scenarios that fail inside a stream. */
  readonly errorFrame: string
}

const BREAKS = new Set<ScenarioName>(['hang-midstream', 'reset-midstream', 'truncate', 'error-midstream', 'cutjson'])

export async function deliverAnswer(delivery: Delivery): Promise<void> {
  const { response, answer, scenario } = delivery
  const pieces = cutIntoPieces(delivery)
  const gzip = scenario.name === 'gzip' && delivery.acceptsGzip
  // Only an answer that is sent whole and unharmed announces its length.
  const whole = answer.body !== undefined && !BREAKS.has(scenario.name) && pieces.length <= 1
  const only = gzip ? gzipSync(Buffer.concat(pieces)) : pieces[0]
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(gzip && { 'content-encoding': 'gzip' }),
    ...(whole && { 'content-length': String(only?.length ?? 0) }),
  })
  response.flushHeaders()
  if (whole || gzip) {
    response.end(only)
    return
  }
  const pause = pauseOf(scenario)
  for (const piece of pieces) {
    if (response.destroyed) return
    if (!response.write(piece)) await drained(response)
    await pause()
  }
  if (scenario.name === 'hang-midstream') return
  if (scenario.name === 'reset-midstream') {
    // What was written so far shall arrive before the reset does.
    await setTimeout(20)
    response.socket?.resetAndDestroy()
    return
  }
  response.end()
}

function pauseOf(scenario: Scenario): () => Promise<unknown> {
  if (scenario.name === 'slow') return () => setTimeout(scenario.number ?? 50)
  if (scenario.name === 'drip') return () => setTimeout(scenario.number ?? 1)
  return () => setImmediate()
}

async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    response.once('drain', resolve)
    response.once('close', resolve)
  })
}

function cutIntoPieces({ answer, scenario, errorFrame }: Delivery): Buffer[] {
  const pieces = selectPieces(answer, scenario, errorFrame)
  if (scenario.name === 'split' || scenario.name === 'drip') {
    return sliceEvery(Buffer.concat(pieces), scenario.name === 'drip' ? 1 : 3)
  }
  return pieces
}

function selectPieces(answer: Answer, scenario: Scenario, errorFrame: string): Buffer[] {
  if (answer.frames === undefined) {
    const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : (answer.body ?? Buffer.alloc(0))
    return [BREAKS.has(scenario.name) ? body.subarray(0, Math.floor(body.length / 2)) : body]
  }
  let frames = [...answer.frames]
  // At least one event is kept back, so that a broken stream never looks complete.
  const most = frames.length - (answer.terminalFrames ?? 1)
  const some = Math.max(1, Math.min(scenario.number ?? 3, most))
  if (scenario.name === 'crlf') frames = frames.map((frame) => frame.replace(/\r?\n/g, '\r\n'))
  if (scenario.name === 'comments') frames = frames.flatMap((frame) => [': FAKE PROCESSING\n\n', frame])
  if (scenario.name === 'error-first-event') frames = [errorFrame]
  if (scenario.name === 'error-midstream') frames = [...frames.slice(0, some), errorFrame]
  if (scenario.name === 'cutjson') frames = [...frames.slice(0, some), frames[some]!.slice(0, 20)]
  if (['hang-midstream', 'reset-midstream', 'truncate'].includes(scenario.name)) frames = frames.slice(0, some)
  return frames.map((frame) => Buffer.from(frame))
}

export function sliceEvery(bytes: Buffer, size: number): Buffer[] {
  const slices: Buffer[] = []
  // Long answers are sliced finely at the start only; the point is where the cuts fall, not how many there are.
  const fine = Math.min(bytes.length, 6000)
  for (let at = 0; at < fine; at += size) slices.push(bytes.subarray(at, Math.min(at + size, fine)))
  if (fine < bytes.length) slices.push(bytes.subarray(fine))
  return slices
}

/** Recorded bytes, cut at the given positions, each slice in a write of its own. */
export async function deliverBytes(
  response: ServerResponse,
  bytes: Buffer,
  cuts: readonly number[],
  pause: () => Promise<unknown> = setImmediate,
): Promise<void> {
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    if (response.destroyed) return
    if (to > from && !response.write(bytes.subarray(from, to))) await drained(response)
    from = Math.max(from, to)
    await (to < bytes.length ? pause() : setImmediate())
  }
  response.end()
}
