// One server for all providers of a test: keeps what reached it, header by header, and answers what the test says, or a
// plain answer in the dialect of the address.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Json } from './uniroute-client.ts'

export interface Arrived {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Lower-case names, in order, duplicates kept. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

export interface UpstreamAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Json
}

export interface RecordingUpstream {
  readonly url: string
  /** Since the last `forget`. */
  readonly arrived: Arrived[]
  /** For the coming calls, in order; headers alone go with the plain answer. */
  readonly answers: UpstreamAnswer[]
  forget(): void
  close(): Promise<void>
}

/** A plain answer of Chat Completions. */
export const CHAT_ANSWER = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}

const WHOLE: readonly (readonly [RegExp, Json])[] = [
  [/\/chat\/completions$/, CHAT_ANSWER],
  [
    /\/responses$/,
    {
      id: 'resp_1',
      object: 'response',
      created_at: 1,
      model: 'm',
      status: 'completed',
      output: [
        {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'hi', annotations: [] }],
        },
      ],
      usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    },
  ],
  [
    /\/messages$/,
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [{ type: 'text', text: 'hi' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    },
  ],
  [
    /:generateContent$/,
    {
      candidates: [{ content: { role: 'model', parts: [{ text: 'hi' }] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    },
  ],
]

const CHUNK = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' }
const STREAMS: readonly (readonly [RegExp, readonly Json[], string])[] = [
  [
    /\/chat\/completions$/,
    [
      { ...CHUNK, choices: [{ index: 0, delta: { role: 'assistant', content: 'hi' }, finish_reason: null }] },
      { ...CHUNK, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
      { ...CHUNK, choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } },
    ],
    'data: [DONE]\n\n',
  ],
  [
    /\/messages$/,
    [
      { type: 'message_start', message: { ...WHOLE[2]![1], content: [], stop_reason: null } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 1 } },
      { type: 'message_stop' },
    ],
    '',
  ],
]

export async function startRecordingUpstream(): Promise<RecordingUpstream> {
  const arrived: Arrived[] = []
  const answers: UpstreamAnswer[] = []
  const server = createServer((request, response) => {
    const take = async (): Promise<void> => {
      const body = await takeBody(request)
      arrived.push({ method: request.method!, path: request.url!, headers: pairs(request.rawHeaders), body })
      respond(response, request.url!, body, answers.shift() ?? {})
    }
    void take()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived,
    answers,
    forget: () => void [arrived.splice(0), answers.splice(0)],
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function takeBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1]!]] : []))
}

function respond(response: ServerResponse, url: string, sent: Buffer, { status = 200, headers, body }: UpstreamAnswer) {
  const path = url.split('?')[0]!
  const stream = sent.includes('"stream":true') ? STREAMS.find(([address]) => address.test(path)) : undefined
  if (body === undefined && stream) {
    response.writeHead(status, { 'content-type': 'text/event-stream', ...headers })
    for (const event of stream[1]) {
      response.write(`${event.type === undefined ? '' : `event: ${event.type}\n`}data: ${JSON.stringify(event)}\n\n`)
    }
    return void response.end(stream[2])
  }
  const text = JSON.stringify(body ?? WHOLE.find(([address]) => address.test(path))?.[1] ?? {})
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
}
