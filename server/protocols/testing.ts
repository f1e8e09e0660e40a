// What the suites of the codecs share: a request with nothing in it, envelopes that can be read, losses by their names
// in the warnings header, a stream cut into its events.
import { createHash } from 'node:crypto'
import { parseSseEvent, type SseEvent } from '../kernel/sse.ts'
import type { ChatRequest, Signature } from './canonical.ts'
import type { LossReport } from './codec.ts'

export const hash8 = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

export function requestOf(fields: Partial<ChatRequest>): ChatRequest {
  return {
    model: 'm',
    stream: false,
    streamUsage: true,
    instructions: [],
    items: [{ kind: 'text', role: 'user', turn: 0, text: 'hello' }],
    tools: [],
    builtins: [],
    sampling: {},
    stop: [],
    extensions: {},
    ...fields,
  }
}

/** Envelopes of these suites are readable: `urs1.` and the signature as JSON. */
export function sealEnvelope(signature: Signature): string {
  return `urs1.${JSON.stringify(signature)}`
}

export function openEnvelope(text: string): Signature | null {
  return text.startsWith('urs1.{') ? (JSON.parse(text.slice(5)) as Signature) : null
}

export function lossNames({ losses }: LossReport): string[] {
  return losses.map(({ path, action }) => `${action === 'dropped' ? 'dropped' : 'approx'}=${path}`)
}

export function eventsOfStream(text: string): SseEvent[] {
  return text
    .split(/\r?\n\r?\n/)
    .filter((event) => /^(?:data|event):/m.test(event))
    .map(parseSseEvent)
}
