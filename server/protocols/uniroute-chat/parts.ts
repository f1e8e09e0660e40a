// What an answer of `/v1/chat` has a place for: text, and the pages it cites. Everything else is reported.
import type { Citation, Finish, FinishUnified, PartKind, Usage } from '../canonical.ts'
import { readExplanation, reportPause, type LossReport, type ResponseEncoding } from '../codec.ts'
import type { LossName } from '../losses.ts'

const NO_PLACE: Readonly<Partial<Record<PartKind, LossName>>> = {
  reasoning: 'thoughts',
  call: 'tool_calls',
  media: 'media',
  opaque: 'provider_items',
}

/** Reports a part that the answer has no place for. */
export function reportPart(kind: PartKind | 'result', losses: LossReport): void {
  const path: LossName | undefined = kind === 'result' ? 'provider_items' : NO_PLACE[kind]
  if (path !== undefined) losses.drop(path, '/v1/chat answers in text alone')
}

const REASONS: Readonly<Record<FinishUnified, string>> = {
  stop: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  context_window: 'length',
  tool_calls: 'tool_calls',
  refusal: 'content_filter',
  content_filter: 'content_filter',
  pause: 'stop',
  malformed: 'error',
}

export function encodeFinish(finish: Finish, losses: LossReport): string {
  reportPause(finish.unified, losses)
  if (readExplanation(finish) !== null) losses.drop('finish_reason', 'there is no place for why the model refused')
  return REASONS[finish.unified]
}

/** null where the provider did not count. */
export function encodeUsage({ input, output }: Usage): Record<string, number> | null {
  if (input === null && output === null) return null
  const prompt = input ?? 0
  const completion = output ?? 0
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}

export function encodeCitations(citations: readonly Citation[], losses: LossReport): Record<string, unknown> {
  if (citations.some(({ url }) => url === undefined)) losses.drop('citations', 'a source without an address')
  const pages = new Map<string, { url: string; title?: string }>()
  for (const { url, title } of citations) {
    if (url !== undefined && !pages.has(url)) pages.set(url, { url, ...(title === undefined ? {} : { title }) })
  }
  return pages.size === 0 ? {} : { citations: [...pages.values()] }
}

export function answerId({ requestId }: Pick<ResponseEncoding, 'requestId'>): string {
  return `chat_${requestId.replace(/^req_/, '')}`
}

/** Who served, at what cost, how fast; what the client gave to be handed back. */
export function encodeServed({ served: askServed, request }: ResponseEncoding): Record<string, unknown> {
  const served = askServed?.()
  const facts = served ? { provider: served.provider, cost: served.costUsd, latency_ms: served.latencyMs } : {}
  return { ...facts, ...request.echo }
}
