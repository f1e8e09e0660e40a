// Same dialect on both sides: bytes go through as they are. Every exception stands here, each editing a byte range and
// leaving the rest as sent:
// 1. the model's name in the request, where the client wrote `provider/model` or an alias;
// 2. Chat streams that do not ask for usage get `stream_options.include_usage`, and the extra chunk that causes is
//    taken out of the answer again (usage-chunk-filter.ts);
// 3. sealed envelopes and reasoning state of another account are taken out of the request (relay-state.ts);
// 4. keep-alives in silence, between events (relay-stream.ts);
// 5. for servers like Anthropic's but not its own: beta flags by a list, and without the flags and fields that the
//    server refused before (refused-parts.ts);
// 6. a list of models is taken out of the request before anything else looks at it (listed-models.ts).
// An error that comes with a good status is no answer: it is judged like any refusal (relay-whole.ts, relay-stream.ts).
import { editChunks, scanJsonObject, sliceChunks, textOfChunks } from '../kernel/json-scan.ts'
import type { Edit } from '../kernel/json-tree.ts'
import { asObject, parseJson } from '../protocols/read.ts'
import type { Adjustments } from './adjustments.ts'
import type { Carrier } from './carrier.ts'
import { leaveOutFields, noteAdjusted } from './crossing.ts'
import type { Exchange, Target } from './exchange.ts'
import { editModelName } from './relay-model.ts'
import { NOTHING_REFUSED } from './refused-parts.ts'
import { editState, watchState, type StateTools } from './relay-state.ts'
import { StreamRelay } from './relay-stream.ts'
import { WholeRelay } from './relay-whole.ts'
import { buildUpstreamHeaders, buildUpstreamPath, readBetaFlags } from './upstream-request.ts'

export function createRelay(
  tools: StateTools & { readonly adjustments: Adjustments },
  exchange: Exchange,
  target: Target,
): Carrier {
  const { protocol, operation } = exchange
  const refused = target.provider.betaFlags ? tools.adjustments.refusedParts(exchange, target) : NOTHING_REFUSED
  const { body: whole, usageInjected } = buildRelayedRequest(exchange, target, editState(tools, exchange, target))
  const body = leaveOutFields(exchange, whole, refused)
  const asked = readBetaFlags(exchange, target)
  const betas = asked.filter((flag) => !refused.betas.has(flag))
  if (betas.length < asked.length) noteAdjusted(exchange, ['anthropic_beta'])
  return {
    dialect: protocol.id,
    path: buildUpstreamPath(exchange, target),
    body,
    relaysErrors: true,
    buildHeaders: (credential) => buildUpstreamHeaders(exchange, target, credential, betas),
    decodeError: (status, text) => protocol.decodeError(status, text),
    createAnswer(status, headers, scan) {
      const type = String(headers['content-type'] ?? '')
      const framed = /^text\/event-stream\b/i.test(type)
      if (!framed && !/\bjson\b/i.test(type)) return null
      const watch = watchState(tools, exchange, target)
      if (!framed && operation.streaming !== 'always') return new WholeRelay(exchange, { status, headers, watch })
      return new StreamRelay(exchange, { status, headers, framed, usageInjected, scan, watch })
    },
  }
}

export interface RelayedRequest {
  readonly body: readonly Uint8Array[]
  /** Exception 2 was applied, so the answer's extra usage chunk must go. */
  readonly usageInjected: boolean
}

export function buildRelayedRequest(
  exchange: Exchange,
  target: Target,
  stateEdits: readonly Edit[] = [],
): RelayedRequest {
  const edits: Edit[] = [...stateEdits, ...editModelName(exchange, target)]
  const usageEdit = exchange.streamed && target.provider.streamUsage ? editForUsage(exchange) : null
  if (usageEdit) edits.push(usageEdit)
  return { body: editChunks(exchange.body, edits), usageInjected: usageEdit !== null }
}

const INCLUDE_USAGE: ReadonlySet<string> = new Set(['include_usage'])

function editForUsage(exchange: Exchange): Edit | null {
  if (exchange.protocol.id !== 'openai-chat' || exchange.operation.id !== 'chat') return null
  const range = exchange.scan.values.get('stream_options')
  if (!range) {
    // Put in front of a value that is there for certain: the stream flag itself.
    const flag = exchange.scan.values.get('stream')!
    return { start: flag.end, end: flag.end, text: ',"stream_options":{"include_usage":true}' }
  }
  const options = textOfChunks(exchange.body, range.start, range.end)
  if (options === 'null') return { ...range, text: '{"include_usage":true}' }
  // Anything but an object with a plain false or nothing is the provider's to judge.
  if (asObject(parseJson(options)) === null) return null
  const { values, duplicate } = scanJsonObject(sliceChunks(exchange.body, range.start, range.end), INCLUDE_USAGE)
  if (duplicate !== null) return null
  const given = values.get('include_usage')
  if (given) {
    const start = range.start + given.start
    const end = range.start + given.end
    return textOfChunks(exchange.body, start, end) === 'false' ? { start, end, text: 'true' } : null
  }
  const isEmpty = /^\{\s*\}$/.test(options)
  const at = range.start + 1
  return { start: at, end: at, text: isEmpty ? '"include_usage":true' : '"include_usage":true,' }
}
