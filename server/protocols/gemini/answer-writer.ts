// Writes an answer in parts, whole or in pieces: calls and their state go out whole, sources are told at the end. State
// that stands before a call travels on the call, where clients are known to keep it.
import {
  UNKNOWN_USAGE,
  type Citation,
  type Extras,
  type PartDelta,
  type PartMeta,
  type Signature,
  type StreamEvent,
  type Usage,
} from '../canonical.ts'
import { readExplanation, reportPause, type ResponseEncoding } from '../codec.ts'
import type { JsonObject } from '../read.ts'
import { tellTier } from '../tiers.ts'
import { compact, GEMINI, isEmpty, toCamel } from './fields.ts'
import { reasonOf } from './finish.ts'
import { writeGrounding, type PlacedCitation } from './grounding.ts'
import { writeMedia } from './media.ts'
import { argsOf, withSignature, writeCall, writeOpaque, writeText } from './parts.ts'
import { sealSlot } from './signature.ts'

interface OpenPart {
  readonly meta: PartMeta
  /** Where its text begins in all visible text. */
  readonly from: number
  text: string
  signature: Signature | undefined
  readonly citations: Citation[]
}

type FinishEvent = StreamEvent & { type: 'finish' }

export class AnswerWriter {
  readonly #encoding: ResponseEncoding
  readonly #inPieces: boolean
  readonly #placed: PlacedCitation[] = []
  #open: OpenPart | null = null
  /** State of reasoning, looking for a call to travel on. */
  #pending: Signature | undefined
  #visible = ''
  #usage: Usage = UNKNOWN_USAGE

  /** `inPieces`: text goes out as it comes; else each part is written whole. */
  constructor(encoding: ResponseEncoding, inPieces: boolean) {
    this.#encoding = encoding
    this.#inPieces = inPieces
  }

  /** The parts that can go out now. */
  push(event: StreamEvent): JsonObject[] {
    switch (event.type) {
      case 'part-start':
        this.#open = { meta: event.part, from: this.#visible.length, text: '', signature: undefined, citations: [] }
        return event.part.kind === 'call' ? [] : this.#takePending()
      case 'part-delta':
        return this.#open ? this.#addDelta(this.#open, event.delta) : []
      case 'part-end': {
        const part = this.#open
        this.#open = null
        return part ? this.#endPart(part) : []
      }
      case 'usage':
        this.#usage = event.usage
        return []
      default:
        return []
    }
  }

  /** A GenerateContentResponse around parts. */
  wrap(parts: readonly JsonObject[]): JsonObject {
    return { candidates: [{ content: { parts, role: 'model' }, index: 0 }], ...this.#names() }
  }

  /** The answer's last words, around the parts that are left. */
  end({ finish, extensions }: FinishEvent, parts: readonly JsonObject[]): JsonObject {
    const { promptFeedback, ...kept } = this.#takeOwn(extensions)
    reportPause(finish.unified, this.#encoding.losses)
    const last = [...parts, ...this.#takePending()]
    const told = { ...usageMetadata(this.#usage), ...this.#names() }
    if (promptFeedback !== undefined && last.length === 0) return { promptFeedback, ...told }
    const own = kept['groundingMetadata'] !== undefined
    const grounding = own ? null : writeGrounding(this.#placed, this.#visible)
    const explanation = readExplanation(finish)
    const candidate = {
      content: { parts: last, role: 'model' },
      finishReason: reasonOf(finish),
      ...(explanation === null ? {} : { finishMessage: explanation }),
      index: 0,
      ...(grounding ? { groundingMetadata: grounding } : {}),
      ...kept,
    }
    return { candidates: [candidate], ...told }
  }

  #names(): JsonObject {
    const { requestedModel, requestId } = this.#encoding
    return { modelVersion: requestedModel, responseId: requestId }
  }

  #takeOwn(extensions: Extras | undefined): Record<string, unknown> {
    const own = Object.entries(extensions?.[GEMINI] ?? {})
    return Object.fromEntries(own.map(([name, value]) => [toCamel(name), value]))
  }

  #seal(signature: Signature): string {
    return sealSlot(signature, (one) => this.#encoding.sealEnvelope(one))
  }

  /** State that found no call stands for itself. */
  #takePending(): JsonObject[] {
    const signature = this.#pending
    this.#pending = undefined
    return signature ? [withSignature(writeText(''), this.#seal(signature))] : []
  }

  #addDelta(part: OpenPart, delta: PartDelta): JsonObject[] {
    if (delta.kind === 'signature') part.signature = delta.signature
    else if (delta.kind === 'citation') part.citations.push(delta.citation)
    else {
      part.text += delta.text
      if (this.#inPieces && delta.text !== '') return this.#writeVisible(part, delta.text)
    }
    return []
  }

  /** A piece of text as it shall be seen; thoughts only by those who asked for them. */
  #writeVisible({ meta }: OpenPart, text: string): JsonObject[] {
    if (meta.kind === 'reasoning') {
      return this.#encoding.request.reasoning?.visible === true ? [writeText(text, true)] : []
    }
    if (meta.kind !== 'text' && meta.kind !== 'refusal') return []
    this.#visible += text
    return [writeText(text)]
  }

  #endPart(part: OpenPart): JsonObject[] {
    const { meta, text, signature } = part
    switch (meta.kind) {
      case 'reasoning':
        this.#pending = signature
        return this.#inPieces || text === '' ? [] : this.#writeVisible(part, text)
      case 'text':
      case 'refusal':
        return this.#endText(part)
      case 'call': {
        // State of its own comes first; else the call takes what stood before it.
        const before = signature ? this.#takePending() : []
        const state = signature ?? this.#pending
        this.#pending = undefined
        const args = argsOf(text, meta.style, this.#encoding.losses)
        return [...before, this.#sign(writeCall({ id: meta.id, name: meta.name, args }, meta.extra), state)]
      }
      case 'media':
        if (meta.source.from === 'file') {
          this.#encoding.losses.drop('media', 'it is stored at another provider')
          return []
        }
        return [this.#sign(writeMedia({ media: meta.media, source: meta.source }, false), signature)]
      case 'opaque': {
        const written = writeOpaque(meta, this.#encoding.losses)
        return written ? [this.#sign(written, signature)] : []
      }
    }
  }

  #endText(part: OpenPart): JsonObject[] {
    const { text, from, signature } = part
    const written = this.#inPieces || text === '' ? [] : this.#writeVisible(part, text)
    for (const citation of part.citations) {
      const { start, end } = citation
      this.#placed.push({ citation, start: from + (start ?? 0), end: from + (end ?? text.length) })
    }
    return signature ? [this.#sign(written[0] ?? writeText(''), signature)] : written
  }

  #sign(part: JsonObject, signature: Signature | undefined): JsonObject {
    return signature ? withSignature(part, this.#seal(signature)) : part
  }
}

/** Of tokens that are no text. */
function countModalities({ beyondText }: Usage, side: 'input' | 'output'): JsonObject[] | undefined {
  const counted = Object.entries(beyondText ?? {}).filter(([name, tokens]) => name.startsWith(side) && tokens > 0)
  const details = counted.map(([name, tokenCount]) => ({ modality: name.slice(side.length).toUpperCase(), tokenCount }))
  return details.length > 0 ? details : undefined
}

function usageMetadata(usage: Usage): JsonObject {
  const { input, output, cacheRead, reasoning } = usage
  const metadata = compact({
    promptTokenCount: input ?? undefined,
    cachedContentTokenCount: cacheRead ?? undefined,
    candidatesTokenCount: output === null ? undefined : Math.max(0, output - (reasoning ?? 0)),
    thoughtsTokenCount: reasoning ?? undefined,
    totalTokenCount: input === null && output === null ? undefined : (input ?? 0) + (output ?? 0),
    promptTokensDetails: countModalities(usage, 'input'),
    candidatesTokensDetails: countModalities(usage, 'output'),
    serviceTier: usage.tiers && tellTier(usage, ['flex', 'priority'], 'standard'),
  })
  return isEmpty(metadata) ? {} : { usageMetadata: metadata }
}
