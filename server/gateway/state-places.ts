// Where reasoning state stands in a turn of the assistant, and how it is put back there after a client dropped it. A
// turn falls into segments: each call with what led to it, and what follows the last call.
// Invariants: what the client handed back itself is not added again; thoughts that a signature stands for come back
// whole and unchanged, or that turn's thoughts stay away; nothing becomes visible text.
import type { CallItem, Item, ReasoningItem, Signature } from '../protocols/canonical.ts'
import { asObject, parseJson } from '../protocols/read.ts'

/** One piece of state: thoughts before or behind the segment's text, or state on that text or on the call. */
export interface State<Words> {
  readonly place: 'before' | 'behind' | 'text' | 'call'
  readonly signature: Signature
  /** The thoughts it was shown with and stands for; null where it needs none. */
  readonly words: Words | null
}

export interface Segment {
  readonly items: readonly Exclude<Item, CallItem>[]
  readonly call: CallItem | null
}

/** What is known of thoughts that are not kept. */
export interface SeenWords {
  readonly length: number
  matches(text: string): boolean
}

/** Stands between several thoughts where a client's dialect has one field for all. */
const BETWEEN_THOUGHTS = '\n\n'

/** The conversation as runs of what the assistant said, and everything else one by one. */
export function splitRuns(items: readonly Item[]): Item[][] {
  const runs: Item[][] = []
  let open = false
  for (const item of items) {
    const own = isAssistants(item)
    if (own && open) runs.at(-1)!.push(item)
    else runs.push([item])
    open = own
  }
  return runs
}

export function isAssistants(item: Item): boolean {
  if (item.kind === 'result') return false
  return 'role' in item ? item.role === 'assistant' : true
}

export function splitSegments(run: readonly Item[]): Segment[] {
  const segments: Segment[] = []
  let items: Exclude<Item, CallItem>[] = []
  for (const item of run) {
    if (item.kind !== 'call') items.push(item)
    else {
      segments.push({ items, call: item })
      items = []
    }
  }
  return [...segments, { items, call: null }]
}

/** The state of one segment of an answer, in order. */
export function readStates({ items, call }: Segment): State<string>[] {
  const states: State<string>[] = []
  let spoken = false
  for (const item of items) {
    spoken ||= item.kind !== 'reasoning'
    if (!item.signature || item.signature.kind === 'unsigned') continue
    const place = item.kind !== 'reasoning' ? 'text' : spoken ? 'behind' : 'before'
    states.push({ place, ...withoutWords(item.signature) })
  }
  if (call?.signature) states.push({ place: 'call', ...withoutWords(call.signature) })
  return states
}

function withoutWords({ thoughts, ...signature }: Signature): Pick<State<string>, 'signature' | 'words'> {
  return { signature, words: thoughts ?? null }
}

/** What tells this turn from others: its texts and calls, however a dialect cuts or spells them. '' = nothing does. */
export function contentOf(run: readonly Item[]): string {
  const said = run.map((item) => {
    if (item.kind === 'text' || item.kind === 'refusal') return item.text
    return item.kind === 'call' ? `\n${JSON.stringify([item.name, argsOf(item)])}\n` : ''
  })
  return said.join('').trim()
}

function argsOf({ argsText, style }: CallItem): unknown {
  return style === 'json' ? (asObject(parseJson(argsText)) ?? argsText) : argsText
}

/** The run with `known` (the state of each of its segments) put back. */
export function placeStates(
  segments: readonly Segment[],
  known: readonly (readonly State<SeenWords>[] | undefined)[],
): Item[] {
  const run = segments.flatMap(({ items }) => items)
  const hasOwn = run.some((item) => item.kind === 'reasoning' && item.signature !== undefined)
  const thoughts = hasOwn ? null : findThoughts(run, known)
  return segments.flatMap((segment, at) => placeSegment(segment, known[at] ?? [], thoughts))
}

/** The words of each piece of state, out of the thoughts that came back; null where they are not what was shown. */
interface Thoughts {
  readonly words: ReadonlyMap<State<SeenWords>, string>
  /** Thoughts that came back, now standing with their state: they are not said twice. */
  readonly used: ReadonlySet<Item>
}

function findThoughts(
  run: readonly Item[],
  known: readonly (readonly State<SeenWords>[] | undefined)[],
): Thoughts | null {
  const replayed = run.filter((item): item is ReasoningItem => item.kind === 'reasoning' && item.text !== '')
  const shown = known.flatMap((states) => states ?? []).filter(({ words }) => words !== null)
  if (shown.length === 0) return { words: new Map(), used: new Set() }
  const text = replayed.map((item) => item.text).join(BETWEEN_THOUGHTS)
  const words = new Map<State<SeenWords>, string>()
  let at = 0
  for (const state of shown) {
    if (at > 0 && text.startsWith(BETWEEN_THOUGHTS, at)) at += BETWEEN_THOUGHTS.length
    const own = text.slice(at, at + state.words!.length)
    if (!state.words!.matches(own)) return null
    words.set(state, own)
    at += own.length
  }
  return at === text.length ? { words, used: new Set(replayed) } : null
}

function placeSegment(
  { items, call }: Segment,
  states: readonly State<SeenWords>[],
  thoughts: Thoughts | null,
): Item[] {
  const turn = (items[0] ?? call)?.turn ?? 0
  const said = items.filter((item) => !thoughts?.used.has(item))
  const pick = (place: State<SeenWords>['place']): State<SeenWords>[] => states.filter((state) => state.place === place)
  const written = thoughts ? attachSummary(said, pick('before')) : said
  const attached = written.flatMap((item) => item.signature ?? [])
  const think = (place: 'before' | 'behind'): Item[] =>
    (thoughts ? pick(place) : [])
      .filter(({ signature }) => !attached.includes(signature))
      .map((state) => reasoningOf(state, thoughts!, turn))
  const onText = pick('text')[0]?.signature
  const onCall = pick('call')[0]?.signature
  const lastText = written.findLastIndex((item) => item.kind === 'text')
  const spoken = written.map((item, at) =>
    onText && at === lastText && !item.signature ? { ...item, signature: onText } : item,
  )
  const called = call && onCall && !call.signature ? { ...call, signature: onCall } : call
  return [...think('before'), ...spoken, ...think('behind'), ...(called ? [called] : [])]
}

/** Encrypted state belongs to the summary that came back in its place; it needs no certain words beside it. */
function attachSummary(items: readonly Item[], before: readonly State<SeenWords>[]): Item[] {
  const state = before.find(({ signature, words }) => signature.kind === 'encrypted' && words === null)
  const at = items.findIndex((item) => item.kind === 'reasoning' && item.text !== '' && !item.signature)
  const found = items[at]
  if (!state || found?.kind !== 'reasoning') return [...items]
  return items.with(at, { ...found, summary: true, signature: state.signature })
}

function reasoningOf(state: State<SeenWords>, { words }: Thoughts, turn: number): ReasoningItem {
  const { signature } = state
  const redacted = signature.kind === 'redacted' ? { redacted: true } : {}
  return { kind: 'reasoning', turn, text: words.get(state) ?? '', signature, ...redacted }
}
