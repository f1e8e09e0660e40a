// Whole answers: reading one, and what every answer of ours says about itself. Writing one is writing its stream and
// keeping the last word, so both say the same.
import type { ChatResponse, Finish, FinishUnified, Item, Signature } from '../canonical.ts'
import type { ResponseDecoding, ResponseEncoding } from '../codec.ts'
import { eventsOf } from '../collect.ts'
import { asCount, asObject, asText, type JsonObject } from '../read.ts'
import { AnswerWriter } from './answer-writer.ts'
import { decodeOutputItem, listOf } from './parts.ts'
import { readResponsesUsage } from './usage.ts'

export function decodeResponse(body: JsonObject, decoding: ResponseDecoding): ChatResponse {
  const items = listOf(body['output']).flatMap((entry) => {
    const raw = asObject(entry)
    return raw ? decodeOutputItem(raw, (item) => sealedBy(item, decoding), decoding.restoreTool) : []
  })
  decoding.onUsage?.(asObject(body['usage']))
  return {
    ...decodeHead(body),
    items,
    finish: decodeFinish(body, items),
    usage: readResponsesUsage(body['usage'], body['tool_usage'], body['service_tier']),
    extensions: {},
  }
}

export function decodeHead(body: JsonObject): Pick<ChatResponse, 'id' | 'model' | 'created'> {
  return {
    id: asText(body['id']) ?? '',
    model: asText(body['model']) ?? '',
    created: asCount(body['created_at']) ?? 0,
  }
}

/** The sealed state in a reasoning item of the provider that answers. */
export function sealedBy(raw: JsonObject, { provider, account, model }: ResponseDecoding): Signature | undefined {
  const value = asText(raw['encrypted_content'])
  if (value === null || value === '') return undefined
  const id = asText(raw['id'])
  return { provider, account, model, kind: 'encrypted', value, ...(id === null ? {} : { id }) }
}

const INCOMPLETE: Readonly<Record<string, FinishUnified>> = {
  max_output_tokens: 'length',
  max_tokens: 'length',
  content_filter: 'content_filter',
}

export function decodeFinish(body: JsonObject, items: readonly Pick<Item, 'kind'>[]): Finish {
  const status = asText(body['status']) ?? ''
  if (status === 'incomplete') {
    const raw = asText(asObject(body['incomplete_details'])?.['reason']) ?? status
    if (Object.hasOwn(INCOMPLETE, raw)) return { unified: INCOMPLETE[raw]!, raw }
    return { unified: upgrade('stop', items), raw, unknown: true }
  }
  if (['failed', 'cancelled', 'queued', 'in_progress'].includes(status)) {
    const error = asObject(body['error'])
    return { unified: 'malformed', raw: asText(error?.['code']) ?? status, ...(error ? { details: error } : {}) }
  }
  if (status === 'completed') return { unified: upgrade('stop', items), raw: status }
  // What neither says anything nor how it stands is no answer.
  if (status === '' && items.length === 0) return { unified: 'malformed', raw: '' }
  return { unified: upgrade('stop', items), raw: status, unknown: true }
}

function upgrade(unified: FinishUnified, items: readonly Pick<Item, 'kind'>[]): FinishUnified {
  if (items.some(({ kind }) => kind === 'call')) return 'tool_calls'
  return items.some(({ kind }) => kind === 'refusal') ? 'refusal' : unified
}

export function encodeResponse(response: ChatResponse, encoding: ResponseEncoding): Record<string, unknown> {
  const writer = new AnswerWriter(encoding)
  for (const event of eventsOf(response)) writer.push(event)
  return writer.response
}
