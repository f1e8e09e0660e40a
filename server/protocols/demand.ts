// What a request, as it is sent to a provider, may make it do at most: how much it has to read, how much it may write,
// how often, and with which tools of its own. Bounds, not estimates: a token of text is never less than a byte, so the
// bytes of a body bound the tokens of its text, and lists of token numbers as well. What the body only names (an
// address, a file, a stored thread, what a search finds) has no bound in it and is marked so.
import { findMedia } from './demand-media.ts'
import { readToolDemand, type ToolDemand } from './demand-tools.ts'
import type { ProtocolId } from './protocol.ts'
import { asObject, boundOf, type JsonObject } from './read.ts'
import { namesStoredThings } from './stored-references.ts'
import { listTiers, tierOfPlace } from './tiers.ts'

export interface Demand extends ToolDemand {
  /** All bytes but those of pictures. */
  readonly textBytes: number
  readonly pictures: number
  /** It names something to be read whose size it does not tell. */
  readonly isUnsized: boolean
  /** It brings something that is no text. */
  readonly bringsMedia: boolean
  /** Of each answer; null where it names no bound. */
  readonly maxOutput: number | null
  readonly answers: number
  /** Output that is paid for beside the answer, in tokens: what was predicted wrongly. */
  readonly besideOutput: number
  readonly cacheWrites: 'unasked' | 'short' | 'hour'
  /** The conversation may be summed up on the way, which is read and written once more. */
  readonly mayCompact: boolean
  /** The answer may be spoken. */
  readonly speaks: boolean
  /** Service tiers asked for, lower case. */
  readonly tiers: readonly string[]
}

/** `length` of `body` as it is sent, in bytes. */
export function readDemand(dialect: ProtocolId, body: JsonObject, length: number): Demand {
  const media = findMedia(body)
  const tools = readToolDemand(dialect, body)
  return {
    ...tools,
    textBytes: Math.max(length - media.pictureBytes, 0),
    pictures: media.pictures,
    isUnsized: media.isUnsized || namesStoredThings(body),
    bringsMedia: media.bringsMedia,
    maxOutput: MAX_OUTPUT[dialect](body),
    answers: countAnswers(dialect, body),
    besideOutput: body['prediction'] === undefined ? 0 : Buffer.byteLength(JSON.stringify(body['prediction'])),
    cacheWrites: readCacheWrites(body),
    mayCompact: isFilled(body['context_management']),
    speaks: listOf(body['modalities']).includes('audio') || isFilled(body['audio']),
    tiers: readTiers(body),
  }
}

const most = (...counts: (number | null)[]): number | null => {
  const known = counts.filter((count) => count !== null)
  return known.length === 0 ? null : Math.max(...known)
}

const MAX_OUTPUT: Readonly<Record<ProtocolId, (body: JsonObject) => number | null>> = {
  'openai-chat': (body) => most(boundOf(body['max_completion_tokens']), boundOf(body['max_tokens'])),
  'uniroute-chat': (body) => boundOf(body['max_tokens']),
  'openai-responses': (body) => boundOf(body['max_output_tokens']),
  'anthropic-messages': (body) => boundOf(body['max_tokens']),
  gemini: (body) =>
    most(
      ...configsOf(body).flatMap((config) => [
        boundOf(config['maxOutputTokens']),
        boundOf(config['max_output_tokens']),
      ]),
    ),
}

/** Gemini takes both spellings of its names. */
function configsOf(body: JsonObject): JsonObject[] {
  return [body['generationConfig'], body['generation_config']].map(asObject).filter((config) => config !== null)
}

function countAnswers(dialect: ProtocolId, body: JsonObject): number {
  const counts =
    dialect === 'gemini'
      ? configsOf(body).flatMap((config) => [config['candidateCount'], config['candidate_count']])
      : [body['n'], body['best_of']]
  return Math.max(1, ...counts.map((count) => boundOf(count) ?? 1))
}

/** Marks stand beside what is to be kept, at any depth. */
function readCacheWrites(value: unknown): Demand['cacheWrites'] {
  let found: Demand['cacheWrites'] = 'unasked'
  const look = (one: unknown): void => {
    if (found === 'hour' || typeof one !== 'object' || one === null) return
    if (Array.isArray(one)) return one.forEach(look)
    for (const [name, child] of Object.entries(one)) {
      const mark = name === 'cache_control' ? asObject(child) : null
      if (mark) found = (mark['ttl'] ?? '5m') === '5m' ? (found === 'unasked' ? 'short' : found) : 'hour'
      look(child)
    }
  }
  look(value)
  return found
}

function readTiers(body: JsonObject): string[] {
  return listTiers(body['service_tier'], body['serviceTier'], body['speed'], tierOfPlace(body['inference_geo']))
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : asObject(value) !== null
}
