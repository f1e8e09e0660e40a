// What the vendors offer beside generating, embedding and counting, and UniRoute passes through as it is: files,
// batches, stored answers, images, sound and the like. An explicit list: an address that does not stand here does not
// exist, and what administers an account (its keys, members, spending, permissions) never stands here.
// Every one of them reaches an account, or bills in units UniRoute does not count, so the caller's own keys alone
// serve.
import type { ProtocolId } from '../protocols/protocol.ts'

export type PassMethod = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** What a client sends beside any other method is not read, and not sent on. */
export function takesBody(method: string): boolean {
  return method === 'POST' || method === 'PATCH'
}

/** One address, in one dialect. */
export interface PassRule {
  readonly protocol: ProtocolId
  /** `files`: what is offered; health of keys is kept per namespace where no model is named. */
  readonly namespace: string
  readonly method: PassMethod
  /** Behind the version segment: `/files/:file/content`; the last segment may be `*name`. */
  readonly path: string
  readonly verb: string | null
  /** Version segments of the client's path; none where the path is whole. */
  readonly versions: readonly string[]
  /** Stands before the version, here and at the provider. */
  readonly prefix: '' | '/upload'
  /** Where the model's name stands, if the address takes one. */
  readonly modelIn: 'body' | 'path' | null
  /** It may use other models than the one that can be seen, or any. */
  readonly hidesModels: boolean
  /** It costs money, in an amount UniRoute cannot know. */
  readonly billed: boolean
  /** It makes or reaches something that belongs to one account. */
  readonly stored: boolean
  /** Why it is not served although it is known. */
  readonly refused: string | null
  /** The address of the vendor in the answer that is replaced by ours. */
  readonly rewrites: 'upload-url' | 'results-url' | null
  /** Where in a JSON body requests stand as for generating, as steps with `*` for each of a list; '' = it is one. */
  readonly requestsAt: string
}

type Facts = Pick<PassRule, 'modelIn' | 'hidesModels' | 'billed' | 'stored'> &
  Partial<Pick<PassRule, 'rewrites' | 'requestsAt'>>

/** Keeps, shows or removes; costs nothing. */
const KEEPS: Facts = { modelIn: null, hidesModels: true, billed: false, stored: true }
/** The same, with a results URL in what it shows. */
const SHOWS_BATCH: Facts = { ...KEEPS, rewrites: 'results-url' }
/** Costs, and does not say with which model. */
const SPENDS: Facts = { modelIn: null, hidesModels: true, billed: true, stored: true }
/** Asks a model, and keeps nothing that is asked for later. */
const ASKS: Facts = { modelIn: 'body', hidesModels: false, billed: true, stored: false }
const ASKS_FREE: Facts = { ...ASKS, billed: false }
/** Asks a model, and keeps the work under an id. */
const STARTS: Facts = { ...ASKS, stored: true }
const PREDICTS: Facts = { ...ASKS, modelIn: 'path' }
const PREDICTS_LONG: Facts = { ...PREDICTS, stored: true }
/** Many requests in one, each with a model of its own. */
const BATCHES: Facts = {
  ...SPENDS,
  modelIn: 'path',
  requestsAt: 'batch.input_config.requests.requests.*.request',
}

/** Methods, path, and what it is; `:verb` behind a `*name`. */
type Row = readonly [methods: string, path: string, facts?: Facts]

interface Namespace {
  readonly protocol: ProtocolId
  readonly name: string
  readonly rows: readonly Row[]
  readonly versions?: readonly string[]
  readonly prefix?: '/upload'
  readonly refused?: string
}

const NO_SESSIONS =
  'Realtime and live sessions run over WebSockets or WebRTC, past any gateway, and are not served here. Use a POST address, streamed if you like.'

const OPENAI: readonly Namespace[] = [
  {
    protocol: 'openai-chat',
    name: 'files',
    rows: [
      ['GET POST', '/files'],
      ['GET DELETE', '/files/*file'],
      ['GET', '/files/:file/content'],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'uploads',
    rows: [
      ['POST', '/uploads'],
      ['POST', '/uploads/:upload/parts'],
      ['POST', '/uploads/:upload/complete'],
      ['POST', '/uploads/:upload/cancel'],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'batches',
    rows: [
      ['GET', '/batches'],
      ['POST', '/batches', SPENDS],
      ['GET', '/batches/*batch'],
      ['POST', '/batches/:batch/cancel'],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'stored-completions',
    rows: [
      ['GET', '/chat/completions'],
      ['GET POST DELETE', '/chat/completions/:completion'],
      ['GET', '/chat/completions/:completion/messages'],
    ],
  },
  {
    protocol: 'openai-responses',
    name: 'responses',
    rows: [
      ['GET DELETE', '/responses/:response'],
      ['POST', '/responses/:response/cancel'],
      ['GET', '/responses/:response/input_items'],
      ['POST', '/responses/compact', ASKS],
    ],
  },
  {
    protocol: 'openai-responses',
    name: 'conversations',
    rows: [
      ['POST', '/conversations'],
      ['GET POST DELETE', '/conversations/:conversation'],
      ['GET POST', '/conversations/:conversation/items'],
      ['GET DELETE', '/conversations/:conversation/items/:item'],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'images',
    rows: [
      ['POST', '/images/generations', ASKS],
      ['POST', '/images/edits', ASKS],
      ['POST', '/images/variations', ASKS],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'audio',
    rows: [
      ['POST', '/audio/speech', ASKS],
      ['POST', '/audio/transcriptions', ASKS],
      ['POST', '/audio/translations', ASKS],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'videos',
    rows: [
      ['GET', '/videos'],
      ['POST', '/videos', STARTS],
      ['GET DELETE', '/videos/:video'],
      ['GET', '/videos/:video/content'],
      ['POST', '/videos/:video/remix', SPENDS],
    ],
  },
  { protocol: 'openai-chat', name: 'moderations', rows: [['POST', '/moderations', ASKS_FREE]] },
  { protocol: 'openai-chat', name: 'completions', rows: [['POST', '/completions', ASKS]] },
  {
    protocol: 'openai-chat',
    name: 'vector-stores',
    rows: [
      ['GET', '/vector_stores'],
      ['POST', '/vector_stores', SPENDS],
      ['GET POST DELETE', '/vector_stores/:store'],
      ['POST', '/vector_stores/:store/search', SPENDS],
      ['GET', '/vector_stores/:store/files'],
      ['POST', '/vector_stores/:store/files', SPENDS],
      ['GET POST DELETE', '/vector_stores/:store/files/:file'],
      ['GET', '/vector_stores/:store/files/:file/content'],
      ['POST', '/vector_stores/:store/file_batches', SPENDS],
      ['GET', '/vector_stores/:store/file_batches/:batch'],
      ['POST', '/vector_stores/:store/file_batches/:batch/cancel'],
      ['GET', '/vector_stores/:store/file_batches/:batch/files'],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'fine-tuning',
    rows: [
      ['GET', '/fine_tuning/jobs'],
      ['POST', '/fine_tuning/jobs', STARTS],
      ['GET', '/fine_tuning/jobs/:job'],
      ['POST', '/fine_tuning/jobs/:job/cancel'],
      ['POST', '/fine_tuning/jobs/:job/pause'],
      ['POST', '/fine_tuning/jobs/:job/resume', SPENDS],
      ['GET', '/fine_tuning/jobs/:job/events'],
      ['GET', '/fine_tuning/jobs/:job/checkpoints'],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'containers',
    rows: [
      ['GET', '/containers'],
      ['POST', '/containers', SPENDS],
      ['GET DELETE', '/containers/:container'],
      ['GET POST', '/containers/:container/files'],
      ['GET DELETE', '/containers/:container/files/:file'],
      ['GET', '/containers/:container/files/:file/content'],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'skills',
    rows: [
      ['GET POST', '/skills'],
      ['GET POST DELETE', '/skills/:skill'],
      ['GET', '/skills/:skill/content'],
      ['GET POST', '/skills/:skill/versions'],
      ['GET DELETE', '/skills/:skill/versions/:version'],
      ['GET', '/skills/:skill/versions/:version/content'],
    ],
  },
  {
    protocol: 'openai-chat',
    name: 'realtime',
    refused: NO_SESSIONS,
    rows: [
      ['GET', '/realtime'],
      ['POST', '/realtime/sessions'],
      ['POST', '/realtime/transcription_sessions'],
      ['POST', '/realtime/client_secrets'],
      ['POST', '/realtime/calls'],
    ],
  },
]

const ANTHROPIC: readonly Namespace[] = [
  {
    protocol: 'anthropic-messages',
    name: 'message-batches',
    rows: [
      ['GET', '/messages/batches', SHOWS_BATCH],
      ['POST', '/messages/batches', { ...SPENDS, rewrites: 'results-url', requestsAt: 'requests.*.params' }],
      ['GET', '/messages/batches/:batch', SHOWS_BATCH],
      ['DELETE', '/messages/batches/:batch'],
      ['POST', '/messages/batches/:batch/cancel', SHOWS_BATCH],
      ['GET', '/messages/batches/:batch/results'],
    ],
  },
  {
    protocol: 'anthropic-messages',
    name: 'files',
    rows: [
      ['GET POST', '/files'],
      ['GET DELETE', '/files/*file'],
      ['GET', '/files/:file/content'],
    ],
  },
  {
    protocol: 'anthropic-messages',
    name: 'skills',
    rows: [
      ['GET POST', '/skills'],
      ['GET DELETE', '/skills/:skill'],
      ['GET POST', '/skills/:skill/versions'],
      ['GET DELETE', '/skills/:skill/versions/:version'],
      ['GET', '/skills/:skill/versions/:version/content'],
    ],
  },
]

const GEMINI: readonly Namespace[] = [
  {
    protocol: 'gemini',
    name: 'files',
    rows: [
      ['GET', '/files'],
      ['GET DELETE', '/files/*file'],
      ['GET', '/files/*file:download'],
    ],
  },
  {
    protocol: 'gemini',
    name: 'files',
    prefix: '/upload',
    rows: [['POST', '/files', { ...KEEPS, rewrites: 'upload-url' }]],
  },
  {
    protocol: 'gemini',
    name: 'caches',
    rows: [
      ['GET', '/cachedContents'],
      ['POST', '/cachedContents', STARTS],
      ['GET DELETE', '/cachedContents/:cache'],
      ['PATCH', '/cachedContents/:cache', SPENDS],
    ],
  },
  {
    protocol: 'gemini',
    name: 'batches',
    rows: [
      ['POST', '/models/*model:batchGenerateContent', BATCHES],
      ['POST', '/models/*model:asyncBatchEmbedContent', BATCHES],
      ['GET', '/batches'],
      ['GET DELETE', '/batches/*batch'],
      ['POST', '/batches/*batch:cancel'],
    ],
  },
  {
    protocol: 'gemini',
    name: 'predictions',
    rows: [
      ['POST', '/models/*model:predict', PREDICTS],
      ['POST', '/models/*model:predictLongRunning', PREDICTS_LONG],
      ['GET', '/models/:model/operations/:operation'],
      ['GET', '/operations/:operation'],
    ],
  },
  {
    protocol: 'gemini',
    name: 'interactions',
    rows: [
      ['POST', '/interactions', STARTS],
      ['GET DELETE', '/interactions/:interaction'],
      ['POST', '/interactions/:interaction/cancel'],
    ],
  },
  {
    protocol: 'gemini',
    name: 'live',
    versions: [],
    refused: NO_SESSIONS,
    rows: [['GET', '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent']],
  },
]

function readRules({ protocol, name, rows, prefix, refused, versions }: Namespace): PassRule[] {
  return rows.flatMap(([methods, row, facts = KEEPS]) => {
    // A colon begins a segment, or a verb behind a `*name`.
    const [, path, verb] = /^(.*\*[a-z]+):([A-Za-z]+)$/.exec(row) ?? [row, row]
    return methods.split(' ').map((method) => ({
      protocol,
      namespace: name,
      method: method as PassMethod,
      path: path!,
      verb: verb ?? null,
      versions: versions ?? (protocol === 'gemini' ? ['v1beta', 'v1'] : ['v1']),
      prefix: prefix ?? '',
      rewrites: null,
      requestsAt: '',
      ...facts,
      refused: refused ?? null,
    }))
  })
}

export const PASS_RULES: readonly PassRule[] = [...OPENAI, ...ANTHROPIC, ...GEMINI].flatMap(readRules)
