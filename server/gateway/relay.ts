// Same dialect on both sides: bytes go through as they are. Every exception stands here, each editing a byte range and
// leaving the rest as sent:
// 1. the model's name in the request, where the client wrote `provider/model` or an alias;
// 2. Chat streams that do not ask for usage get `stream_options.include_usage`, and the extra chunk that causes is
//    taken out of the answer again (usage-chunk-filter.ts);
// 3. keep-alives in silence, between events (relay-stream.ts).
import { spliceChunks, textOfChunks } from '../kernel/json-scan.ts'
import type { Exchange, Target } from './exchange.ts'

export interface RelayedRequest {
  readonly body: readonly Uint8Array[]
  /** Exception 2 was applied, so the answer's extra usage chunk must go. */
  readonly usageInjected: boolean
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

export function buildRelayedRequest(exchange: Exchange, target: Target): RelayedRequest {
  const edits: Edit[] = []
  const modelRange = exchange.operation.modelIn === 'body' ? exchange.scan.values.get('model') : undefined
  if (modelRange && target.model !== exchange.requestedModel) {
    edits.push({ ...modelRange, text: JSON.stringify(target.model) })
  }
  const usageEdit = exchange.streamed && target.provider.streamUsage ? editForUsage(exchange) : null
  if (usageEdit) edits.push(usageEdit)
  let body = exchange.body
  // From the back, so that earlier offsets stay true.
  for (const { start, end, text } of edits.sort((a, b) => b.start - a.start)) {
    body = spliceChunks(body, start, end, Buffer.from(text))
  }
  return { body, usageInjected: usageEdit !== null }
}

function editForUsage(exchange: Exchange): Edit | null {
  if (exchange.protocol.id !== 'openai-chat' || exchange.operation.id !== 'chat') return null
  const range = exchange.scan.values.get('stream_options')
  if (!range) {
    // Put in front of a value that is there for certain: the stream flag itself.
    const flag = exchange.scan.values.get('stream')!
    return { start: flag.end, end: flag.end, text: ',"stream_options":{"include_usage":true}' }
  }
  const options: unknown = JSON.parse(textOfChunks(exchange.body, range.start, range.end))
  if (options === null) return { ...range, text: '{"include_usage":true}' }
  if (typeof options !== 'object' || Array.isArray(options)) return null
  const given = options as Record<string, unknown>
  // Anything but a plain false or nothing is the provider's to judge.
  if (given['include_usage'] !== undefined && given['include_usage'] !== false) return null
  return { ...range, text: JSON.stringify({ ...given, include_usage: true }) }
}
