// Calls in a stream. A piece belongs to the call of its index; a new id on a used index, or no index, makes the id the
// key. Names may come late, ids never; servers that send whole calls may give them all the same index, or none.
// A call stays open until the stream ends, since pieces of several may alternate: the first one streams, others wait.
import type { Signature } from '../canonical.ts'
import type { ResponseDecoding } from '../codec.ts'
import type { PartSequencer } from '../part-sequencer.ts'
import { asObject, asText, parseJson, type JsonObject } from '../read.ts'
import { isCertainlyWhole } from '../whole-calls.ts'
import { finishArgs, readCallPiece, type CallPiece } from './calls.ts'
import { asNumber, missingCallId } from './names.ts'

interface OpenCall {
  readonly key: string
  id: string
  name: string
  args: string
  custom: boolean
  described: boolean
  signature: Signature | undefined
}

export class StreamCalls {
  readonly #decoding: ResponseDecoding
  readonly #parts: PartSequencer
  readonly #calls: OpenCall[] = []
  readonly #byIndex = new Map<number, OpenCall>()
  /** The first of each id. */
  readonly #byId = new Map<string, OpenCall>()
  #last: OpenCall | null = null

  constructor(decoding: ResponseDecoding, parts: PartSequencer) {
    this.#decoding = decoding
    this.#parts = parts
  }

  get any(): boolean {
    return this.#calls.some((call) => !this.#decoding.restoreTool(call.name).asText)
  }

  /** Each has said all its arguments, as far as they show it. */
  get whole(): boolean {
    return this.#calls.every(({ args, custom }) => !custom && isCertainlyWhole(args))
  }

  /** One entry of `tool_calls`, or the older `function_call`. */
  push(raw: JsonObject): void {
    const piece = readCallPiece(raw)
    const call = this.#find(asNumber(raw['index']), piece)
    this.#last = call
    if (call.id === '') call.id = piece.id
    if (!this.#byId.has(call.id)) this.#byId.set(call.id, call)
    if (call.name === '') {
      call.name = piece.name
      call.custom = piece.custom
    }
    call.args += piece.args
    if (call.described) this.#stream(call, piece.args)
    if (piece.thought !== null) {
      const { provider, account, model } = this.#decoding
      call.signature = { provider, account, model, kind: 'thought', value: piece.thought }
      if (call.described) this.#parts.delta(call.key, { kind: 'signature', signature: call.signature })
    }
    if (call.id !== '' && call.name !== '') this.#describe(call)
  }

  pushLegacy(raw: JsonObject): void {
    // Servers that fill in every field send an empty one.
    if (!asText(raw['name']) && !asText(raw['arguments'])) return
    this.push({ index: 0, function: raw })
  }

  /** The stream is over: what is still unknown is settled, and every call ended. `answerId` names nameless ids. */
  end(answerId: string): void {
    for (const [number, call] of this.#calls.entries()) {
      if (call.id === '') call.id = missingCallId(answerId, number)
      this.#describe(call)
      const tool = this.#decoding.restoreTool(call.name)
      if (tool.asText) this.#parts.delta(call.key, { kind: 'text', text: call.args })
      else if (!this.#streams(call)) {
        this.#parts.delta(call.key, { kind: 'args', text: finishArgs(call.args, tool, call.custom) })
      } else if (call.args.trim() === '' && !call.custom) this.#parts.delta(call.key, { kind: 'args', text: '{}' })
      this.#parts.end(call.key)
    }
  }

  #find(index: number | undefined, piece: CallPiece): OpenCall {
    const found = index === undefined ? this.#findUnnumbered(piece) : this.#byIndex.get(index)
    const other = found !== undefined && piece.id !== '' && found.id !== '' && found.id !== piece.id
    const again = found !== undefined && this.#isWholeAgain(found, piece)
    const call = found && !other && !again ? found : ((other ? this.#byId.get(piece.id) : null) ?? this.#open())
    if (index !== undefined) this.#byIndex.set(index, call)
    return call
  }

  #findUnnumbered(piece: CallPiece): OpenCall | undefined {
    if (piece.id !== '') return this.#byId.get(piece.id)
    return piece.name === '' ? (this.#last ?? undefined) : undefined
  }

  // Without ids, a name after complete arguments begins the next call.
  #isWholeAgain(call: OpenCall, piece: CallPiece): boolean {
    return piece.id === '' && piece.name !== '' && call.name !== '' && asObject(parseJson(call.args)) !== null
  }

  #open(): OpenCall {
    const key = `call-${this.#calls.length}`
    const call = { key, id: '', name: '', args: '', custom: false, described: false, signature: undefined }
    this.#calls.push(call)
    this.#parts.start(key, null)
    return call
  }

  #describe(call: OpenCall): void {
    if (call.described) return
    call.described = true
    const { name, namespace, style, asText: text } = this.#decoding.restoreTool(call.name)
    if (text) {
      this.#parts.describe(call.key, { kind: 'text' })
      return
    }
    this.#parts.describe(call.key, {
      kind: 'call',
      id: call.id,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      style: call.custom ? 'freeform' : style,
    })
    // What came before the name was known; state is told before arguments.
    if (call.signature) this.#parts.delta(call.key, { kind: 'signature', signature: call.signature })
    this.#stream(call, call.args)
  }

  #stream(call: OpenCall, args: string): void {
    if (args !== '' && this.#streams(call)) this.#parts.delta(call.key, { kind: 'args', text: args })
  }

  #streams(call: OpenCall): boolean {
    const tool = this.#decoding.restoreTool(call.name)
    return !tool.asText && (call.custom || tool.style === 'json')
  }
}
