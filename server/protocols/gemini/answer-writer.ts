// Writes an answer in parts, whole or in pieces: calls and their state go out whole, sources are told at the end. State
// that stands before a call travels on the call, where clients are known to keep it.
import {
  UNKNOWN_USAGE,
  type ChatResponse,
  type Citation,
  type PartMeta,
  type Signature,
  type StreamEvent,
  type Usage,
} from '../canonical.ts'
import type { ResponseEncoding } from '../codec.ts'
import type { JsonObject } from '../read.ts'
import { compact, GEMINI, isEmpty, toCamel } from './fields.ts'
import { reasonOf } from './finish.ts'
import { writeGrounding, type PlacedCitation } from './grounding.ts'
import { writeMedia } from './media.ts'
import { argsOf, withSignature, writeCall, writeOpaque, writeText } from './parts.ts'
import { sealSlot } from './signature.ts'

export interface AnswerWriter {
  /** The parts that can go out now. */
  push(event: StreamEvent): JsonObject[]
  /** The answer's last words, around the parts that are left. */
  end(event: StreamEvent & { type: 'finish' }, parts: readonly JsonObject[]): JsonObject
  /** A GenerateContentResponse around parts. */
  wrap(parts: readonly JsonObject[]): JsonObject
}

interface OpenPart {
  readonly meta: PartMeta
  /** Where its text begins in all visible text. */
  readonly from: number
  text: string
  signature: Signature | undefined
  readonly citations: Citation[]
}

/** `inPieces`: text goes out as it comes; else each part is written whole. */
// size: the state of one answer; its small steps share it.
export function createAnswerWriter(encoding: ResponseEncoding, inPieces: boolean): AnswerWriter {
  const { losses, request, requestedModel, requestId } = encoding
  const showsThoughts = request.reasoning?.visible === true
  const placed: PlacedCitation[] = []
  let open: OpenPart | null = null
  let pending: Signature | undefined // state of reasoning, looking for a call to travel on
  let visible = ''
  let usage: Usage = UNKNOWN_USAGE

  const seal = (signature: Signature): string => sealSlot(signature, (one) => encoding.sealEnvelope(one))

  /** State that found no call stands for itself. */
  function takePending(): JsonObject[] {
    const signature = pending
    pending = undefined
    return signature ? [withSignature(writeText(''), seal(signature))] : []
  }

  function startPart(meta: PartMeta): JsonObject[] {
    open = { meta, from: visible.length, text: '', signature: undefined, citations: [] }
    return meta.kind === 'call' ? [] : takePending()
  }

  function addDelta(part: OpenPart, event: StreamEvent & { type: 'part-delta' }): JsonObject[] {
    const { delta } = event
    if (delta.kind === 'signature') part.signature = delta.signature
    else if (delta.kind === 'citation') part.citations.push(delta.citation)
    else {
      part.text += delta.text
      if (inPieces && delta.text !== '') return writeVisible(part, delta.text)
    }
    return []
  }

  /** A piece of text as it shall be seen. */
  function writeVisible({ meta }: OpenPart, text: string): JsonObject[] {
    if (meta.kind === 'reasoning') return showsThoughts ? [writeText(text, true)] : []
    if (meta.kind !== 'text' && meta.kind !== 'refusal') return []
    visible += text
    return [writeText(text)]
  }

  function endPart(part: OpenPart): JsonObject[] {
    const { meta, text, signature } = part
    const slot = signature && meta.kind !== 'reasoning' ? seal(signature) : undefined
    switch (meta.kind) {
      case 'reasoning': {
        const thoughts = inPieces || text === '' ? [] : writeVisible(part, text)
        pending = signature
        return thoughts
      }
      case 'text':
      case 'refusal':
        return endText(part, slot)
      case 'call': {
        const carried = slot ?? (pending ? seal(pending) : undefined)
        const own = slot === undefined ? [] : takePending()
        pending = undefined
        const args = argsOf(text, meta.style, losses)
        return [...own, withSignature(writeCall({ id: meta.id, name: meta.name, args }, meta.extra), carried)]
      }
      case 'media':
        return [withSignature(writeMedia({ media: meta.media, source: meta.source }, false), slot)]
      case 'opaque': {
        const written = writeOpaque(meta, losses)
        return written ? [withSignature(written, slot)] : []
      }
    }
  }

  function endText(part: OpenPart, slot: string | undefined): JsonObject[] {
    const { text, from } = part
    const written = inPieces || text === '' ? [] : writeVisible(part, text)
    for (const citation of part.citations) {
      const { start, end } = citation
      placed.push({ citation, start: from + (start ?? 0), end: from + (end ?? text.length) })
    }
    if (slot === undefined) return written
    const [last] = written
    return [withSignature(last ?? writeText(''), slot)]
  }

  function wrap(parts: readonly JsonObject[]): JsonObject {
    const candidate = { content: { parts, role: 'model' }, index: 0 }
    return { candidates: [candidate], modelVersion: requestedModel, responseId: requestId }
  }

  return {
    wrap,
    push(event) {
      if (event.type === 'part-start') return startPart(event.part)
      if (event.type === 'part-delta') return open ? addDelta(open, event) : []
      if (event.type === 'part-end') {
        const part = open
        open = null
        return part ? endPart(part) : []
      }
      if (event.type === 'usage') usage = event.usage
      return []
    },
    end({ finish, extensions }, parts) {
      const own = Object.fromEntries(
        Object.entries(extensions?.[GEMINI] ?? {}).map(([name, value]) => [toCamel(name), value]),
      )
      for (const [protocol, fields] of Object.entries(extensions ?? {})) {
        if (protocol === GEMINI) continue
        for (const name of Object.keys(fields)) losses.drop(name, 'the client has no such field')
      }
      const { promptFeedback, ...kept } = own
      const last = [...parts, ...takePending()]
      const told = { ...usageMetadata(usage), modelVersion: requestedModel, responseId: requestId }
      if (promptFeedback !== undefined && last.length === 0) return { promptFeedback, ...told }
      const grounding = kept['groundingMetadata'] === undefined ? writeGrounding(placed, visible) : null
      const candidate = {
        content: { parts: last, role: 'model' },
        finishReason: reasonOf(finish),
        index: 0,
        ...(grounding ? { groundingMetadata: grounding } : {}),
        ...kept,
      }
      return { candidates: [candidate], ...told }
    },
  }
}

function usageMetadata(usage: Usage): JsonObject {
  const { input, output, cacheRead, reasoning } = usage
  const metadata = compact({
    promptTokenCount: input ?? undefined,
    cachedContentTokenCount: cacheRead ?? undefined,
    candidatesTokenCount: output === null ? undefined : Math.max(0, output - (reasoning ?? 0)),
    thoughtsTokenCount: reasoning ?? undefined,
    totalTokenCount: input === null && output === null ? undefined : (input ?? 0) + (output ?? 0),
  })
  return isEmpty(metadata) ? {} : { usageMetadata: metadata }
}

/** The end of a whole answer as the end of its stream. */
export function finishEvent({ finish, extensions }: ChatResponse): StreamEvent & { type: 'finish' } {
  return { type: 'finish', finish, extensions }
}
