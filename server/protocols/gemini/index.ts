// Google's Gemini API: the model and the verb stand in the path.
import type { Operation, Protocol } from '../protocol.ts'
import { UNKNOWN_USAGE } from '../canonical.ts'
import { asCount, asObject } from '../read.ts'
import { decodeGeminiError, encodeGeminiError } from './error.ts'
import { geminiState } from './state-slots.ts'
import { geminiStream } from './stream.ts'
import { countSearches, readGeminiUsage } from './usage.ts'

function operation(id: string, task: Operation['task'], verb: string, streaming: Operation['streaming']): Operation {
  return {
    id,
    task,
    upstreamPath: (model) => `/models/${encodeModel(model)}:${verb}`,
    modelIn: 'path',
    streaming,
    query: ['alt'],
  }
}

// A model's name stays one segment, whatever the client wrote in it.
function encodeModel(model: string): string {
  return encodeURIComponent(model.replace(/^models\//, ''))
}

export const gemini: Protocol = {
  id: 'gemini',
  vendor: 'google',
  operations: {
    generate: operation('generate', 'generate', 'generateContent', 'never'),
    'stream-generate': operation('stream-generate', 'generate', 'streamGenerateContent', 'always'),
    'count-tokens': operation('count-tokens', 'count', 'countTokens', 'never'),
    embed: operation('embed', 'embed', 'embedContent', 'never'),
    'batch-embed': operation('batch-embed', 'embed', 'batchEmbedContents', 'never'),
  },
  peekKeys: new Set(['generationConfig', 'cachedContent']),
  peek: (_scan, read) => ({
    model: null,
    stream: false,
    storedReference: typeof read('cachedContent') === 'string',
    maxOutput: asCount(asObject(read('generationConfig'))?.['maxOutputTokens']),
  }),
  usageKeys: new Set(['usageMetadata', 'totalTokens', 'metadata']),
  readUsage(read) {
    // countTokens answers {"totalTokens": n}: that is its result, nothing was used.
    if (read('totalTokens') !== undefined && read('usageMetadata') === undefined) {
      return { ...UNKNOWN_USAGE, input: 0, output: 0 }
    }
    return readGeminiUsage(read('usageMetadata') ?? read('metadata'), countSearches(read('groundingMetadata')))
  },
  usageMembers: geminiStream.usageMembers!,
  rawUsageKeys: ['usageMetadata', 'metadata'],
  encodeError: encodeGeminiError,
  decodeError: decodeGeminiError,
  stream: geminiStream,
  stateSlots: geminiState,
}
