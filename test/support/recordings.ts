// Recorded traffic of real providers, where UNIROUTE_RECORDINGS names the folder; it is no part of this project. A
// suite that needs it says by name that it did not run.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCompatibleProvider } from '../../server/providers/compatible.ts'
import { anthropic } from '../../server/providers/anthropic.ts'
import { google } from '../../server/providers/google.ts'
import { openai } from '../../server/providers/openai.ts'
import type { Provider } from '../../server/providers/provider.ts'
import { PROTOCOLS } from '../../server/protocols/registry.ts'
import type { Protocol } from '../../server/protocols/protocol.ts'

/** The files whose dialects UniRoute relays. */
const FILES = {
  'openai-chat': 'openai-chat',
  'openai-responses': 'openai-responses',
  'openai-embeddings': 'openai-chat',
  'anthropic-messages': 'anthropic-messages',
  'anthropic-count-tokens': 'anthropic-messages',
  'gemini-generate': 'gemini',
  'gemini-stream': 'gemini',
  'gemini-count-tokens': 'gemini',
  'gemini-embed': 'gemini',
} as const
export type RecordingFile = keyof typeof FILES
export const RECORDING_FILES = Object.keys(FILES) as RecordingFile[]

export interface Recording {
  readonly id: string
  readonly file: RecordingFile
  readonly protocol: Protocol
  readonly provider: Provider
  /** Who answered, as the collection names them. */
  readonly source: string
  /** As it was asked for. */
  readonly model: string
  readonly status: number
  readonly requestBody: Record<string, unknown> | null
  /** As it went over the wire, as far as the recorder kept it. */
  readonly answer: string
  /** What the collection found in it: `tool_call`, `images`. */
  readonly features: readonly string[]
  /** Server-sent events; a stream without them (Gemini's JSON array) is none here. */
  readonly isSse: boolean
}

const folder = process.env['UNIROUTE_RECORDINGS'] ?? ''
export const recordingsAvailable = folder !== '' && existsSync(join(folder, 'openai-chat.ndjson'))

export function warnWithoutRecordings(suite: string): void {
  if (recordingsAvailable) return
  console.warn(`${suite} did not run: UNIROUTE_RECORDINGS does not name a folder with recordings`)
}

export function readRecordings(): Recording[] {
  if (!recordingsAvailable) return []
  return RECORDING_FILES.flatMap((file) =>
    readFileSync(join(folder, `${file}.ndjson`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => readLine(file, line)),
  )
}

function readLine(file: RecordingFile, line: string): Recording {
  const { id, provider, model, status, features, request_body, response_body, response_stream } = JSON.parse(line)
  const isSse = typeof response_stream === 'string'
  return {
    id,
    file,
    protocol: PROTOCOLS[FILES[file]],
    provider: providerOf(file, provider),
    source: provider,
    model: model ?? '',
    status,
    requestBody: request_body,
    features,
    answer: isSse ? response_stream : JSON.stringify(response_body),
    isSse,
  }
}

function providerOf(file: RecordingFile, name: string): Provider {
  const place = { origin: 'https://recorded.invalid', basePath: '' }
  if (file.startsWith('anthropic')) return { ...anthropic, ...place }
  if (file.startsWith('gemini')) return { ...google, ...place }
  if (name === 'openai') return { ...openai, ...place }
  return createCompatibleProvider({ id: name, name, ...place, version: '/v1', keyless: false })
}
