// What a chat request asks for and what the fake answers, without any dialect: the four dialect files read a turn from
// their bodies and write a reply in their shapes. Replies follow from the request alone, so a test can foresee them.
import { randomBytes } from 'node:crypto'
import { randomText } from './fake-keys.ts'

// Wire bodies of four dialects: looked into, never trusted to a type.
export type Json = any

export interface Tool {
  readonly name: string
  readonly schema: Json
}

export interface Turn {
  readonly model: string
  readonly lastText: string
  /** The text of the tool results that the last message brings. */
  readonly toolResult: string | undefined
  readonly tools: readonly Tool[]
  /** A name when one tool is forced, `any` when some tool is, `none` when forbidden. */
  readonly toolChoice: string | undefined
  readonly wantsReasoning: boolean
  readonly jsonSchema: Json | undefined
  readonly promptCharacters: number
  readonly hasCacheHints: boolean
  readonly maxTokens: number | undefined
  /** Pictures and documents of the last message. */
  readonly media?: readonly SeenMedia[] | undefined
  readonly stop?: readonly string[] | undefined
  readonly oneCallOnly?: boolean
}

export interface SeenMedia {
  readonly mime: string
  readonly bytes: number
}

export interface Reply {
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly { id: string; name: string; args: Json }[]
  readonly finish: 'stop' | 'length' | 'tool_calls' | 'refusal'
  /** The stop sequence that ended it. */
  readonly stoppedBy?: string
  readonly usage: Usage
}

export interface Usage {
  /** All input tokens, cached ones included. */
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite: number
  /** All output tokens, reasoning included. */
  readonly output: number
  readonly reasoning: number
}

/** An answer that follows a script of the test instead of the words of the request. */
export type Script = (turn: Turn) => { text: string } | { calls: readonly { name: string; args: Json }[] } | undefined

/** The text of an answer, or what decides about it. */
export type Said = string | Script | undefined

export const REFUSAL = 'I cannot help with that.'
const REASONING = 'The user wants an answer, so I give one.'

export function countTokens(characters: number): number {
  return Math.max(1, Math.ceil(characters / 4))
}

export function composeReply(turn: Turn, said: Said): Reply {
  const input = countTokens(turn.promptCharacters)
  // From 1,024 tokens on, whole blocks of 128 count as read from the cache; with cache hints the rest is written to it.
  const cacheRead = input >= 1024 ? Math.floor(input / 128) * 128 : 0
  const cacheWrite = turn.hasCacheHints ? input - cacheRead : 0
  const reasoning = turn.wantsReasoning ? REASONING : ''
  const reasoningTokens = reasoning === '' ? 0 : countTokens(reasoning.length) + 32
  const usageFor = (characters: number): Usage => ({
    input,
    cacheRead,
    cacheWrite,
    output: countTokens(characters) + reasoningTokens,
    reasoning: reasoningTokens,
  })

  const scripted = typeof said === 'function' ? said(turn) : undefined
  const calls = scripted === undefined ? chooseCalls(turn) : identifyCalls(scripted)
  if (calls.length > 0) {
    return { text: '', reasoning, calls, finish: 'tool_calls', usage: usageFor(JSON.stringify(calls).length) }
  }
  if (scripted === undefined && /\bforbidden\b/i.test(turn.lastText)) {
    return { text: REFUSAL, reasoning: '', calls: [], finish: 'refusal', usage: usageFor(REFUSAL.length) }
  }
  const text =
    typeof said === 'string' ? said : scripted !== undefined && 'text' in scripted ? scripted.text : undefined
  const unstopped = text ?? defaultText(turn)
  const stoppedBy = turn.stop?.find((stop) => unstopped.includes(stop))
  const whole = stoppedBy === undefined ? unstopped : unstopped.slice(0, unstopped.indexOf(stoppedBy))
  const cut = turn.maxTokens !== undefined && turn.maxTokens > 0 && countTokens(whole.length) > turn.maxTokens
  const shown = cut ? whole.slice(0, turn.maxTokens * 4) : whole
  return {
    text: shown,
    reasoning,
    calls: [],
    finish: cut ? 'length' : 'stop',
    usage: usageFor(shown.length),
    ...(stoppedBy !== undefined && !cut && { stoppedBy }),
  }
}

function defaultText(turn: Turn): string {
  if (turn.jsonSchema !== undefined) return JSON.stringify(sampleOf(turn.jsonSchema))
  if (turn.toolResult !== undefined) return `The tool says: ${turn.toolResult}`
  const seen = (turn.media ?? []).map(({ mime, bytes }) => ` I see ${mime} of ${bytes} bytes.`).join('')
  return `You said: ${turn.lastText}${seen} 🙂 – ünïcödé, 漢字.`
}

function identifyCalls(scripted: NonNullable<ReturnType<Script>>): Reply['calls'] {
  return 'calls' in scripted ? scripted.calls.map((call) => ({ id: randomText(24), ...call })) : []
}

function chooseCalls(turn: Turn): Reply['calls'] {
  if (turn.tools.length === 0 || turn.toolChoice === 'none') return []
  const named = turn.tools.find((tool) => tool.name === turn.toolChoice)
  const asked = /\b(tool|call|weather)\b/i.test(turn.lastText) && turn.toolResult === undefined
  if (named === undefined && turn.toolChoice !== 'any' && !asked) return []
  const parallel = /\b(two|both|parallel)\b/i.test(turn.lastText)
  const chosen = named ?? turn.tools[0]!
  const second = turn.tools.find((tool) => tool !== chosen) ?? chosen
  return (parallel && turn.oneCallOnly !== true ? [chosen, second] : [chosen]).map((tool, index) => ({
    id: randomText(24),
    name: tool.name,
    args: sampleOf(tool.schema, index),
  }))
}

/** A small value that fits a JSON schema. */
export function sampleOf(schema: Json, variant = 0): Json {
  if (schema === undefined || schema === null) return {}
  if (Array.isArray(schema.enum)) return schema.enum[variant % schema.enum.length]
  if (schema.const !== undefined) return schema.const
  const alternatives = schema.anyOf ?? schema.oneOf
  if (Array.isArray(alternatives)) return sampleOf(alternatives[0], variant)
  const type = String(Array.isArray(schema.type) ? schema.type[0] : (schema.type ?? 'object')).toLowerCase()
  if (type === 'string') return variant === 0 ? 'Paris 🙂' : 'New Delhi'
  if (type === 'integer' || type === 'number') return 7 + variant
  if (type === 'boolean') return true
  if (type === 'null') return null
  if (type === 'array') return [sampleOf(schema.items, variant)]
  const properties = Object.entries(schema.properties ?? {})
  return Object.fromEntries(properties.map(([name, inner]) => [name, sampleOf(inner, variant)]))
}

/** Pieces of about six characters, never inside a surrogate pair. */
export function cutText(text: string, size = 6): string[] {
  const characters = [...text]
  const step = Math.max(size, Math.ceil(characters.length / 2000))
  const pieces: string[] = []
  for (let at = 0; at < characters.length; at += step) pieces.push(characters.slice(at, at + step).join(''))
  return pieces
}

/** The text in a string or in a list of parts, whatever the dialect calls them. */
export function textOf(content: Json): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part: Json) => (typeof part === 'string' ? part : (part?.text ?? '')))
    .filter((text: Json) => typeof text === 'string' && text !== '')
    .join(' ')
}

export const createHexId = (prefix: string, bytes = 16): string => prefix + randomBytes(bytes).toString('hex')
export const createTextId = (prefix: string, length = 24): string => prefix + randomText(length)
export const nowSeconds = (): number => Math.floor(Date.now() / 1000)

/** A data URL in base64, taken apart. */
export function readDataUrl(url: Json): SeenMedia | undefined {
  const match = /^data:([^;,]+);base64,(.+)$/s.exec(String(url))
  return match === null ? undefined : { mime: match[1]!, bytes: Buffer.from(match[2]!, 'base64').length }
}

/** What bytes are, by how they begin. */
export function readMagic(bytes: Buffer): string {
  const head = bytes.subarray(0, 12).toString('latin1')
  if (head.startsWith('\x89PNG')) return 'image/png'
  if (head.startsWith('\xff\xd8')) return 'image/jpeg'
  if (head.startsWith('GIF8')) return 'image/gif'
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'image/webp'
  return head.startsWith('%PDF') ? 'application/pdf' : 'unknown'
}
