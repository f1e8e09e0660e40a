// Streams read as the strictest official clients read them: what comes out of order, twice or without an end is an
// error here, and not a surprise in somebody's program.
import { expect } from 'vitest'
import { readEvents } from './dialects.ts'
import type { Json } from './uniroute-client.ts'

/** An Anthropic stream's content blocks and how it ended: indexes from 0, one block open at a time, each closed. */
export function readAnthropic(text: string): { content: Json[]; stop: Json; usage: Json; events: Json[] } {
  const events = readEvents(text)
  expect([...text.matchAll(/^event: (\S+)$/gm)].map(([, name]) => name)).toEqual(events.map(({ type }) => type))
  const content: Json[] = []
  let open: number | null = null
  let stop: Json
  let usage: Json
  for (const { type, index, content_block, delta, message, usage: counted } of events) {
    if (type === 'message_start') {
      expect({ second: usage }).toEqual({ second: undefined })
      usage = message.usage
    } else if (type === 'content_block_start') {
      expect([open, index]).toEqual([null, content.length])
      open = index
      content.push({ ...content_block, ...(content_block.type === 'tool_use' && { json: '' }) })
    } else if (type === 'content_block_delta') {
      expect(index).toBe(open)
      addDelta(content[index], delta)
    } else if (type === 'content_block_stop') {
      expect(index).toBe(open)
      open = null
    } else if (type === 'message_delta') {
      stop = delta
      usage = { ...usage, ...counted }
    }
  }
  expect(open).toBeNull()
  expect(events.at(-1).type).toBe('message_stop')
  return { content: content.map(closeBlock), stop, usage, events }
}

function addDelta(block: Json, delta: Json): void {
  if (delta.type === 'text_delta') block.text += delta.text
  else if (delta.type === 'thinking_delta') block.thinking += delta.thinking
  else if (delta.type === 'signature_delta') block.signature = delta.signature
  else if (delta.type === 'input_json_delta') block.json += delta.partial_json
  else if (delta.type === 'citations_delta') block.citations = [...(block.citations ?? []), delta.citation]
  else throw new Error(`No delta of this kind belongs here: ${JSON.stringify(delta)}`)
}

function closeBlock({ json, ...block }: Json): Json {
  return json === undefined || json === '' ? block : { ...block, input: JSON.parse(json) }
}

/** A Chat stream merged by index: first deltas of calls are whole, later ones bring arguments only. */
export function readChat(text: string): {
  content: string
  refusal: string
  reasoning: string
  /** Those of freeform tools are `custom`. */
  calls: Json[]
  finish: string
  usage: Json
} {
  const chunks = readEvents(text)
  const calls: Json[] = []
  let content = ''
  let refusal = ''
  let reasoning = ''
  const finishes: string[] = []
  let usage: Json
  for (const { choices, usage: counted } of chunks) {
    if (choices.length === 0) usage = counted
    for (const { delta, finish_reason } of choices) {
      content += delta.content ?? ''
      refusal += delta.refusal ?? ''
      reasoning += delta.reasoning_content ?? ''
      for (const { index, id, type, function: called, custom } of delta.tool_calls ?? []) {
        const { name, arguments: said = custom?.input } = called ?? custom
        if (calls[index] === undefined) {
          const kind = custom ? 'custom' : 'function'
          expect([index, type, typeof id, typeof name]).toEqual([calls.length, kind, 'string', 'string'])
          calls.push({ id, name, arguments: '', ...(custom && { custom: true }) })
        } else expect([id, name]).toEqual([undefined, undefined])
        calls[index].arguments += said ?? ''
      }
      if (finish_reason) finishes.push(finish_reason)
    }
  }
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  expect(finishes).toHaveLength(1)
  return { content, refusal, reasoning, calls, finish: finishes[0]!, usage }
}

/** A Responses stream: numbered events, one id, every item announced once and done, and the last event has them all. */
export function readResponses(text: string): { output: Json[]; response: Json; events: Json[] } {
  const events = readEvents(text)
  expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, at) => at))
  expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['response.created', 'response.in_progress'])
  expect(new Set(events.flatMap(({ response }) => response?.id ?? [])).size).toBe(1)
  const { response } = events.at(-1)
  const of = (type: string): Json[] => events.filter((event) => event.type === `response.output_item.${type}`)
  expect(of('added').map(({ output_index: at }) => at)).toEqual(response.output.map((_: Json, at: number) => at))
  expect(of('done').map(({ item }) => item)).toEqual(response.output)
  return { output: response.output, response, events }
}

/** A Gemini stream's parts in order, and its last chunk. */
export function readGemini(text: string): { parts: Json[]; last: Json } {
  expect(text).not.toMatch(/^event:|\[DONE\]/m)
  const chunks = readEvents(text)
  return { parts: chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []), last: chunks.at(-1) }
}
