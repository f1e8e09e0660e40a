// Reads an answer, whole or in pieces: one state machine, so that both give the same. Text in pieces is one text until
// a signature or another kind of part ends it; sources come last and are hung on the text they speak of.
import {
  UNKNOWN_USAGE,
  type Citation,
  type Extras,
  type PartDelta,
  type PartMeta,
  type StreamEvent,
} from '../canonical.ts'
import type { ResponseDecoding } from '../codec.ts'
import { createPartSequencer } from '../part-sequencer.ts'
import { asCount, asObject, asText, type JsonObject } from '../read.ts'
import { asObjects, field, GEMINI, isEmpty, toSnake } from './fields.ts'
import { finishOf, readReason } from './finish.ts'
import { readCitationMetadata, readGrounding, type PlacedCitation } from './grounding.ts'
import { argsTextOf, readPart, type ReadPart } from './parts.ts'
import { readGeminiUsage } from './usage.ts'

export interface AnswerReader {
  /** Events for one GenerateContentResponse. */
  read(chunk: JsonObject): StreamEvent[]
  /** The answer has told why it ended. */
  readonly ended: boolean
  /** What is still open, and `finish`. */
  finish(): StreamEvent[]
}

interface OpenPart {
  readonly key: string
  readonly kind: 'text' | 'reasoning'
  /** Where its text begins in all visible text. */
  readonly from: number
  signed: boolean
}

/** Fields of a candidate without a counterpart; kept under their snake-case names, as all extensions are. */
const KEPT = ['groundingMetadata', 'urlContextMetadata', 'logprobsResult'] as const

// size: the state of one answer; its small steps share it.
export function createAnswerReader(decoding: ResponseDecoding): AnswerReader {
  const sequencer = createPartSequencer()
  const kept: Record<string, unknown> = {}
  let open: OpenPart | null = null
  let parts = 0
  let calls = 0
  let visible = ''
  let responseId = ''
  let started = false
  let reason: string | null = null
  let usage = UNKNOWN_USAGE
  let usageTold = false
  let placed: PlacedCitation[] = []
  const cited = new Set<string>()

  const nextKey = (): string => String(parts++)

  function addSignature(key: string, slot: unknown): void {
    const value = asText(slot)
    if (value === null || value === '') return
    const { provider, account, model } = decoding
    sequencer.delta(key, { kind: 'signature', signature: { provider, account, model, kind: 'thought', value } })
  }

  /** Ends what is open, with the sources that speak of it. */
  function close(isLast: boolean): void {
    if (!open) return
    if (open.kind === 'text')
      for (const citation of takeCitations(open.from, isLast)) sequencer.delta(open.key, { kind: 'citation', citation })
    sequencer.end(open.key)
    open = null
  }

  function takeCitations(from: number, isLast: boolean): Citation[] {
    const taken: Citation[] = []
    const left: PlacedCitation[] = []
    for (const one of placed) {
      const { citation, start, end } = one
      const inside = start !== null && end !== null && start >= from && end <= visible.length
      if (!inside && !isLast) {
        left.push(one)
        continue
      }
      const found = inside ? { ...citation, start: start - from, end: end - from } : citation
      const key = JSON.stringify(found)
      if (!cited.has(key)) taken.push(found)
      cited.add(key)
    }
    placed = left
    return taken
  }

  function openText(kind: OpenPart['kind']): OpenPart {
    close(false)
    open = { key: nextKey(), kind, from: visible.length, signed: false }
    sequencer.start(open.key, { kind })
    return open
  }

  function readText(text: string, thought: boolean, slot: unknown): void {
    const signed = typeof slot === 'string' && slot !== ''
    const kind = thought ? 'reasoning' : 'text'
    if (text === '' && !signed) return
    if (text === '') {
      // A signature on no text belongs to what was just said; after nothing, or a signed text, it stands for itself.
      const target = open && !open.signed ? open : openText('reasoning')
      addSignature(target.key, slot)
      target.signed = true
      return
    }
    const target = open?.kind === kind && !open.signed ? open : openText(kind)
    sequencer.delta(target.key, { kind, text })
    if (!thought) visible += text
    if (!signed) return
    addSignature(target.key, slot)
    target.signed = true
  }

  function addWhole(meta: PartMeta, slot: unknown, delta?: PartDelta): void {
    close(false)
    const key = nextKey()
    sequencer.start(key, meta)
    addSignature(key, slot)
    if (delta) sequencer.delta(key, delta)
    sequencer.end(key)
  }

  function readCall(content: ReadPart['content'] & { kind: 'call' }, slot: unknown, extra: Extras | undefined): void {
    const tool = decoding.restoreTool(content.name)
    const text = argsTextOf(content.args, tool.style)
    const { name, namespace, style } = tool
    const id = content.id ?? `call_${responseId === '' ? '' : `${responseId}_`}${calls}`
    calls++
    const meta: PartMeta = {
      kind: 'call',
      id,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      style,
      ...(extra ? { extra } : {}),
    }
    addWhole(meta, slot, text === '' ? undefined : { kind: 'args', text })
  }

  function readContent(value: unknown): void {
    const part = readPart(value)
    if (!part) return
    const { content, slot } = part
    if (content.kind === 'text') readText(content.text, content.thought, slot)
    else if (content.kind === 'call') readCall(content, slot, part.extra)
    else if (content.kind === 'media') addWhole({ kind: 'media', media: content.media, source: content.source }, slot)
    else addWhole({ kind: 'opaque', protocol: GEMINI, raw: content.kind === 'opaque' ? content.raw : value }, slot)
  }

  function readCandidate(candidate: JsonObject): void {
    for (const part of asObjects(field(asObject(candidate['content']), 'parts'))) readContent(part)
    placed.push(...readGrounding(field(candidate, 'groundingMetadata'), visible))
    placed.push(...readCitationMetadata(field(candidate, 'citationMetadata'), visible))
    for (const name of KEPT) {
      const value = asObject(field(candidate, name))
      if (value && !isEmpty(value)) kept[toSnake(name)] = value
    }
    reason = readReason(field(candidate, 'finishReason')) ?? reason
    const ratings = field(candidate, 'safetyRatings')
    if (reason !== null && finishOf(reason, false).unified === 'content_filter' && ratings !== undefined) {
      kept['safety_ratings'] = ratings
    }
  }

  function readUsage(chunk: JsonObject): StreamEvent[] {
    const metadata = asObject(field(chunk, 'usageMetadata'))
    if (!metadata || (usageTold && asCount(field(metadata, 'promptTokenCount')) === null)) return []
    const found = readGeminiUsage(metadata)
    if (usageTold && JSON.stringify(found) === JSON.stringify(usage)) return []
    usage = found
    usageTold = true
    return [{ type: 'usage', usage }]
  }

  function readStart(chunk: JsonObject): StreamEvent[] {
    responseId = asText(field(chunk, 'responseId')) ?? responseId
    if (started) return []
    started = true
    const time = Date.parse(asText(field(chunk, 'createTime')) ?? '')
    const created = Number.isNaN(time) ? 0 : Math.floor(time / 1000)
    return [{ type: 'response-start', id: responseId, model: asText(field(chunk, 'modelVersion')) ?? '', created }]
  }

  return {
    read(chunk) {
      const start = readStart(chunk)
      const candidates = asObjects(chunk['candidates'])
      const candidate = candidates.find((one) => (asCount(one['index']) ?? 0) === 0)
      if (candidate) readCandidate(candidate)
      const feedback = asObject(field(chunk, 'promptFeedback'))
      const block = readReason(field(feedback, 'blockReason'))
      if (feedback && block !== null && reason === null) {
        reason = block
        kept['prompt_feedback'] = feedback
      }
      return [...start, ...sequencer.take(), ...readUsage(chunk)]
    },
    get ended() {
      return reason !== null
    },
    finish() {
      close(true)
      sequencer.endAll()
      if (reason === null) return sequencer.take()
      const blocked = kept['prompt_feedback'] !== undefined
      const finish = blocked ? { unified: 'content_filter' as const, raw: reason } : finishOf(reason, calls > 0)
      const extensions = isEmpty(kept) ? {} : { extensions: { [GEMINI]: kept } }
      return [...sequencer.take(), { type: 'finish', finish, ...extensions }]
    },
  }
}
