// Every recorded answer, told through the whole gateway to a client of every other dialect, whole and streamed: its
// vendor's SDK reads it, and hears the text, the calls, the ending and the counts of the recording. The request goes
// the same way back: the recorded one, as that client would have said it. Where something cannot be, the reason is
// counted. Without the SDKs strict readers stand in. The counts are printed.
import { rmSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CannotCross } from '../../server/protocols/codec.ts'
import { findChatServer } from '../../server/providers/chat-dialects.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider, type ReplayAnswer } from '../fake-provider/fake-provider.ts'
import { SDK_CLIENTS, STRICT_CLIENTS } from '../support/clients-of-dialects.ts'
import { DIALECTS, type Dialect, encodeRequest, type Json } from '../support/cross-dialect.ts'
import { expectHeard, HEAR, nameOf, type Heard } from '../support/heard.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { clientsInstalled } from '../support/official-clients.ts'
import { readAnswers, type RecordedAnswer, streamOf } from '../support/recorded-answers.ts'
import { meaningOf } from '../support/recorded-finish.ts'
import { type Recording, recordingsAvailable, warnWithoutRecordings } from '../support/recordings.ts'
import type { Caller } from '../support/uniroute-client.ts'

warnWithoutRecordings('recordings-in-clients.test.ts')
if (!clientsInstalled)
  console.warn('recordings-in-clients.test.ts: test/clients is not installed, strict readers stand in')

const CLIENTS = clientsInstalled ? SDK_CLIENTS : STRICT_CLIENTS
const { answers, failures } = readAnswers()

// ---- The gateway and its providers ---------------------------------------------------------------------------------

const WORDS = [
  'conservative',
  'deepseek',
  'mistral',
  'ollama',
  'openrouter',
  'groq',
  'xai',
  'together',
  'openai-responses',
] as const

let fake: FakeProvider
let app: InProcessApp
let caller: Caller
let folder: string
let playing: ReplayAnswer | undefined

function writeServers(url: string): Record<string, string> {
  const file = join(folder, 'providers.json')
  const entries = WORDS.map((word) => ({ id: `${word}-recorded`, name: word, base_url: url, dialect: word }))
  writeFileSync(file, JSON.stringify(entries))
  return { PROVIDERS_FILE: file }
}

beforeAll(async () => {
  if (!recordingsAvailable) return
  folder = mkdtempSync(join(tmpdir(), 'uniroute-recorded-'))
  fake = await startFakeProvider({ replay: ({ method }) => (method === 'POST' ? playing : undefined) })
  app = await startInProcess({ fake, env: writeServers(fake.urlOf('compat')) })
  caller = await createCaller()
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

/** Somebody with keys of all providers. */
function createCaller(): Promise<Caller> {
  const own = Object.fromEntries((['anthropic', 'google'] as const).map((id) => [id, createFakeKey(id)]))
  const others = Object.fromEntries(WORDS.map((word) => [`${word}-recorded`, createFakeKey('compat')]))
  return app.createCaller({ keys: { ...own, ...others } })
}

/** How a client names the model, so that a provider of the recording's dialect answers. */
function nameModel(recording: Recording, model: string): string {
  const from = recording.protocol.id
  if (from === 'openai-responses') return `openai-responses-recorded/${model}`
  if (from === 'anthropic-messages') return `anthropic/${model}`
  if (from === 'gemini') return `google/${model}`
  const { id } = recording.provider
  // OpenAI's own is asked in Responses.
  const word = findChatServer(id)?.translateVia === 'openai-chat' ? id : 'conservative'
  return `${word}-recorded/${model}`
}

function replayOf(recording: Recording): ReplayAnswer {
  const { status, answer } = recording
  const stream = status < 400 ? streamOf(recording) : null
  const type = stream === null ? 'application/json' : 'text/event-stream; charset=utf-8'
  return { status, headers: { 'content-type': type }, body: Buffer.from(stream ?? answer) }
}

// ---- Requests ------------------------------------------------------------------------------------------------------

const PLAIN: Readonly<Record<Dialect, Json>> = {
  'openai-chat': { messages: [{ role: 'user', content: 'hello' }] },
  'openai-responses': { input: 'hello', store: false },
  'anthropic-messages': { max_tokens: 1000, messages: [{ role: 'user', content: 'hello' }] },
  gemini: { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] },
}

interface Asked {
  readonly body: Json
  /** Why it is not the recorded request. */
  plain: string | null
}

/** The recorded request as a client of that dialect says it. */
function requestFor({ recording, request }: RecordedAnswer, to: Dialect): Asked {
  if (recording.requestBody === null) return { body: PLAIN[to], plain: 'it was not recorded' }
  try {
    return { body: JSON.parse(JSON.stringify(encodeRequest(to, request).body)) as Json, plain: null }
  } catch (error) {
    if (!(error instanceof CannotCross)) throw error
    return { body: PLAIN[to], plain: `its client cannot say \`${error.path}\`` }
  }
}

/** What the provider refuses in the name of its model, or the gateway in the provider's. */
function readRefusal({ message }: Error): string {
  const told = /"message":"((?:[^"\\]|\\.)*)"/.exec(message)?.[1] ?? message
  return `refused: ${told
    .replace(/^400 /, '')
    .replaceAll('\\"', '"')
    .replace(/"file-\w+"/, '…')}`
}

// ---- Answers -------------------------------------------------------------------------------------------------------

/** Why this answer cannot be told there; null where it can. */
function exceptionOf({ response: { finish, usage } }: RecordedAnswer, to: Dialect): string | null {
  if (finish.unified === 'malformed') return 'a malformed answer is an error, never an answer'
  // It writes the parts of the count instead of the whole, and a part cannot be negative.
  if (to === 'anthropic-messages' && (usage.cacheRead ?? 0) > (usage.input ?? 0))
    return 'more of the prompt from the cache than there is'
  return null
}

type Tally = Map<string, number>
const add = (tally: Tally, name: string): unknown => tally.set(name, (tally.get(name) ?? 0) + 1)

/** Answers heard right, by pair; those whose request was another, and those that cannot be told, by reason. */
const heardBy: Tally = new Map()
const plainBy: Tally = new Map()
const exceptBy: Tally = new Map()
const featuresBy: Tally = new Map()

/** The answer as the client hears it, and why the request was not the recorded one. */
async function hear(recorded: RecordedAnswer, to: Dialect, streamed: boolean): Promise<[Heard, string | null]> {
  playing = replayOf(recorded.recording)
  const place = { url: app.url, apiKey: caller.apiKey }
  const model = nameModel(recorded.recording, recorded.response.model || 'some-model')
  const asked = requestFor(recorded, to)
  const answer = await CLIENTS[to]
    .send(place, model, asked.body, streamed)
    .catch((error: Error & { status?: number }) => {
      // What cannot cross is refused with a sentence that says what to do; then only the answer is of interest.
      if (asked.plain !== null || error.status !== 400) throw error
      asked.plain = readRefusal(error)
      return CLIENTS[to].send(place, model, PLAIN[to], streamed)
    })
  const heard = HEAR[to](answer)
  return [{ ...heard, calls: heard.calls.map((call) => ({ ...call, name: nameOf(call) })) }, asked.plain]
}

/** What OpenAI's SDK throws for the ending `content_filter` of a stream that it was to read by a schema. */
const FILTERED = 'ContentFilterFinishReasonError'

const readThrown = (error: Error): [string, null] => [
  error.constructor.name === FILTERED ? FILTERED : String(error),
  null,
]

describe.skipIf(!recordingsAvailable)('recorded answers', () => {
  for (const from of DIALECTS) {
    for (const to of DIALECTS.filter((dialect) => dialect !== from)) {
      test(`${from} to ${to}`, async () => {
        const pair = `${from} → ${to}`
        const wrong: unknown[] = []
        for (const recorded of answers.filter((answer) => answer.from === from)) {
          const { recording, response } = recorded
          const exception = exceptionOf(recorded, to)
          if (exception !== null) {
            add(exceptBy, `${pair}: ${exception}`)
            continue
          }
          const expected = expectHeard(response, meaningOf(recording, from), to)
          for (const streamed of [false, true]) {
            const [heard, plain] = await hear(recorded, to, streamed).catch(readThrown)
            if (heard === FILTERED && expected.finish === 'content_filter') {
              add(exceptBy, `${pair}: the SDK throws ${FILTERED} where it streams by a schema`)
              continue
            }
            if (!isDeepStrictEqual(heard, expected)) {
              wrong.push({ id: recording.id, streamed, heard, expected })
              continue
            }
            add(heardBy, pair)
            if (plain !== null) add(plainBy, `${pair}: ${plain}`)
            for (const feature of featuresOf(recording)) add(featuresBy, `${from} ${feature}`)
          }
        }
        expect(wrong).toEqual([])
        expect(heardBy.get(pair)).toBeGreaterThan(200)
      })
    }
  }
})

// ---- Failures ------------------------------------------------------------------------------------------------------

function expectedStatuses({ status, answer }: Recording): readonly number[] | null {
  if (status === 401 || /API_KEY_INVALID|incorrect api key/i.test(answer)) return [424]
  if (status === 429) return [402, 429]
  // A stream that begins with an error is told as one, whatever its status line said.
  return status < 400 ? null : [status]
}

describe.skipIf(!recordingsAvailable)('recorded failures', () => {
  const failed = [...failures.values()].flat()

  test.each(DIALECTS)('%s: clients of every other dialect hear the same', async (from) => {
    const wrong: unknown[] = []
    for (const recording of failed.filter(({ protocol }) => protocol.id === from)) {
      // What one failure does to a key or a model is not the next one's business.
      const { apiKey } = await createCaller()
      const model = nameModel(recording, recording.id)
      const statuses = new Set<number>()
      for (const to of DIALECTS.filter((dialect) => dialect !== from)) {
        for (const streamed of [false, true]) {
          playing = replayOf(recording)
          statuses.add(await readFailure(CLIENTS[to].send({ url: app.url, apiKey }, model, PLAIN[to], streamed)))
          for (const feature of ['errors', ...(streamed ? ['errors, streamed'] : [])])
            add(featuresBy, `${from} ${feature}`)
        }
      }
      const expected = expectedStatuses(recording)
      const [status = 0] = statuses
      const isRight = statuses.size === 1 && status >= 400 && (expected === null || expected.includes(status))
      if (!isRight) wrong.push({ id: recording.id, statuses: [...statuses], expected })
    }
    expect(wrong).toEqual([])
  })
})

/** The status of what was thrown; 0 where nothing was, or no status was told. */
function readFailure(asked: Promise<unknown>): Promise<number> {
  return asked.then(
    () => 0,
    (error: { status?: number }) => error.status ?? 0,
  )
}

// ---- The tables ----------------------------------------------------------------------------------------------------

/** Columns of the table, and the collection's words for each. */
const FEATURES: readonly (readonly [string, RegExp])[] = [
  ['text', /./],
  ['as a stream', /^stream$/],
  ['system', /^(?:system|system_blocks|developer|mid_system)$/],
  ['tools', /^tools$/],
  ['calls', /^tool_call$/],
  ['parallel calls', /^parallel_tools$/],
  ['tool results', /^tool_results$/],
  ['freeform tools', /^custom_tools$/],
  ['forced choice', /^tool_choice_(?:forced|none)$/],
  ['thoughts', /^(?:thinking|reasoning_tokens)$/],
  ['sealed thoughts', /^(?:encrypted_reasoning|thought_signature|redacted_thinking|reasoning_details)$/],
  ['images', /^images$/],
  ['documents', /^(?:pdf|document)$/],
  ['schema', /^json_(?:schema|object)$/],
  ['citations', /^(?:citations|grounding)$/],
  ['built-in tools', /^(?:web_search|web_fetch|code_execution|file_search|url_context|tool_search|mcp|builtin_tool)$/],
  ['refusal, filter', /^(?:refusal|blocked|finish_content_filter)$/],
  ['cut at a length', /^(?:finish_length|incomplete)$/],
  ['stop sequence', /^(?:stop_sequences|finish_stop_sequence)$/],
  ['cached prompt', /^cache_(?:read|write)$/],
]

const featuresOf = ({ features }: Recording): string[] =>
  FEATURES.filter(([name, words]) => name === 'text' || features.some((feature) => words.test(feature))).map(
    ([name]) => name,
  )

function writeTable(): string[] {
  const rows = [...FEATURES.map(([name]) => name), 'errors', 'errors, streamed']
  const width = Math.max(...rows.map((row) => row.length))
  const line = (name: string, cells: readonly unknown[]): string =>
    [name.padEnd(width), ...cells.map((cell, at) => String(cell).padStart(DIALECTS[at]!.length))].join('  ')
  return [
    line('', DIALECTS),
    ...rows.map((row) =>
      line(
        row,
        DIALECTS.map((from) => featuresBy.get(`${from} ${row}`) ?? 0),
      ),
    ),
  ]
}

afterAll(() => {
  if (!recordingsAvailable) return
  const list = (tally: Tally): string[] => [...tally].map(([name, count]) => `  ${String(count).padStart(4)}  ${name}`)
  const readers = clientsInstalled ? "the vendors' SDKs" : 'strict readers (the SDKs are not installed)'
  const lines = [
    `Recorded answers (${answers.length}) heard right by clients of other dialects, whole and streamed, with ${readers}:`,
    ...list(heardBy),
    'By the dialect recorded and by feature, over three client dialects, whole and streamed:',
    ...writeTable(),
    'Not told, since they cannot be:',
    ...list(exceptBy),
    'Answers to a plain question, since the recorded one could not be asked:',
    ...list(plainBy),
  ]
  console.info(lines.join('\n'))
})
