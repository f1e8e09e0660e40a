// What accounts keep at their vendors, as the fake plays it: files, batches, stored answers, and the addresses that
// turn one thing into another (images, sound). Every key is an account of its own: an id of another account does not
// exist.
import type { Vendor } from './fake-keys.ts'
import type { HeaderList } from './request-checks.ts'
import { createHexId, createTextId, type Json } from './turn.ts'
import { missingThingAnswer } from './vendor-errors.ts'
import { jsonAnswer, type Answer } from './wire.ts'

export interface StoredRequest {
  readonly vendor: Vendor
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: HeaderList
  readonly key: string
  readonly rawBody: Buffer
  readonly body: Json
}

interface Thing {
  readonly fields: Json
  content: Buffer
}

export interface Shelves {
  /** undefined: the vendor has no such address. */
  answer(request: StoredRequest): Promise<Answer | undefined>
  /** An answer that can be asked for again. */
  keep(key: string, collection: string, fields: Json): void
}

type Handle = (shelf: Map<string, Thing>, request: StoredRequest, id: string) => Answer | Promise<Answer>
type Address = readonly [vendor: Vendor, method: string, path: RegExp, handle: Handle]

const CREATED = '2026-11-22T12:00:00Z'

/** Is this one of the addresses that `Shelves.answer` may know? */
export function isStoredPath(vendor: Vendor, method: string, path: string): boolean {
  return ADDRESSES.some(([of, by, at]) => of === vendor && by === method && at.test(path))
}

export function createShelves(): Shelves {
  const accounts = new Map<string, Map<string, Thing>>()
  const shelfOf = (key: string): Map<string, Thing> => {
    const shelf = accounts.get(key) ?? new Map<string, Thing>()
    accounts.set(key, shelf)
    return shelf
  }
  return {
    async answer(request) {
      for (const [vendor, method, path, handle] of ADDRESSES) {
        const found = path.exec(request.path)
        if (vendor !== request.vendor || method !== request.method || !found) continue
        return handle(shelfOf(request.key), request, found[1] ?? '')
      }
      return undefined
    },
    keep: (key, collection, fields) =>
      void shelfOf(key).set(`${collection}/${fields.id}`, { fields, content: Buffer.alloc(0) }),
  }
}

const header = (request: StoredRequest, wanted: string): string =>
  request.headers.find(([name]) => name === wanted)?.[1] ?? ''

/** Read by somebody else's reader, so that a form that arrives torn is noticed. */
async function readForm(request: StoredRequest): Promise<FormData> {
  return new Response(new Uint8Array(request.rawBody), {
    headers: { 'content-type': header(request, 'content-type') },
  }).formData()
}

async function readUpload(form: FormData): Promise<{ name: string; type: string; bytes: Buffer }> {
  const file = form.get('file')
  if (!(file instanceof File)) throw new Error('the form has no file')
  return { name: file.name, type: file.type, bytes: Buffer.from(await file.arrayBuffer()) }
}

const list = (collection: string, wrap: (things: Json[]) => Json): Handle => {
  return (shelf) =>
    jsonAnswer(
      200,
      wrap([...shelf].filter(([name]) => name.startsWith(`${collection}/`)).map(([, { fields }]) => fields)),
    )
}

const one = (collection: string, show: (thing: Thing) => Answer): Handle => {
  return (shelf, { vendor }, id) => {
    const thing = shelf.get(`${collection}/${id}`)
    return thing ? show(thing) : missingThingAnswer(vendor, id)
  }
}

const show = (collection: string): Handle => one(collection, ({ fields }) => jsonAnswer(200, fields))

const bytes = (collection: string, type: (fields: Json) => string): Handle =>
  one(collection, ({ fields, content }) => ({ status: 200, headers: { 'content-type': type(fields) }, body: content }))

const remove = (collection: string, told: (id: string) => Json): Handle => {
  return (shelf, { vendor }, id) =>
    shelf.delete(`${collection}/${id}`) ? jsonAnswer(200, told(id)) : missingThingAnswer(vendor, id)
}

const openaiList = (data: Json[]): Json => ({ object: 'list', data, has_more: false })
const anthropicList = (data: Json[]): Json => ({
  data,
  has_more: false,
  first_id: data[0]?.id ?? null,
  last_id: data.at(-1)?.id ?? null,
})

async function uploadOpenaiFile(shelf: Map<string, Thing>, request: StoredRequest): Promise<Answer> {
  const form = await readForm(request)
  const { name, bytes: content } = await readUpload(form)
  const id = `file-${createHexId('')}`
  const facts = { object: 'file', bytes: content.length, created_at: 1_763_812_800, filename: name }
  const fields = { id, ...facts, purpose: form.get('purpose'), status: 'processed' }
  shelf.set(`files/${id}`, { fields, content })
  return jsonAnswer(200, fields)
}

async function uploadAnthropicFile(shelf: Map<string, Thing>, request: StoredRequest): Promise<Answer> {
  const { name, type, bytes: content } = await readUpload(await readForm(request))
  const id = createTextId('file_01', 22)
  const facts = { type: 'file', filename: name, mime_type: type, size_bytes: content.length }
  const fields = { id, ...facts, created_at: CREATED, downloadable: true }
  shelf.set(`files/${id}`, { fields, content })
  return jsonAnswer(200, fields)
}

function createOpenaiBatch(shelf: Map<string, Thing>, { body, vendor }: StoredRequest): Answer {
  if (!shelf.has(`files/${body.input_file_id}`)) return missingThingAnswer(vendor, body.input_file_id)
  const fields = { id: `batch_${createHexId('')}`, object: 'batch', status: 'validating', ...body }
  shelf.set(`batches/${fields.id}`, { fields, content: Buffer.alloc(0) })
  return jsonAnswer(200, fields)
}

function createAnthropicBatch(shelf: Map<string, Thing>, { body }: StoredRequest): Answer {
  const id = createTextId('msgbatch_01', 22)
  const lines = body.requests.map(({ custom_id }: Json) =>
    JSON.stringify({ custom_id, result: { type: 'canceled', note: '"results_url": "https://x/v1/messages/…"' } }),
  )
  const fields = {
    id,
    type: 'message_batch',
    processing_status: 'ended',
    created_at: CREATED,
    results_url: `https://api.anthropic.com/v1/messages/batches/${id}/results`,
  }
  shelf.set(`batches/${id}`, { fields, content: Buffer.from(`${lines.join('\n')}\n`) })
  return jsonAnswer(200, fields)
}

/** The two halves of a resumable upload: an address for the bytes, then the bytes. */
function uploadGoogleFile(shelf: Map<string, Thing>, request: StoredRequest): Answer {
  const command = header(request, 'x-goog-upload-command')
  if (command === 'start') {
    const id = createTextId('AB', 30)
    const type = header(request, 'x-goog-upload-header-content-type')
    shelf.set(`uploads/${id}`, { fields: { type, ...request.body?.file }, content: Buffer.alloc(0) })
    const url = `https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=${id}&upload_protocol=resumable`
    const headers = { 'x-goog-upload-status': 'active', 'x-goog-upload-url': url, 'x-goog-upload-control-url': url }
    return { status: 200, headers, body: '' }
  }
  const upload = shelf.get(`uploads/${request.query.get('upload_id')}`)
  if (!upload) return missingThingAnswer('google', 'the upload')
  upload.content = Buffer.concat([upload.content, request.rawBody])
  if (!command.includes('finalize')) {
    return { status: 200, headers: { 'x-goog-upload-status': 'active' }, body: '' }
  }
  const id = createHexId('')
  const fields = {
    name: `files/${id}`,
    mimeType: upload.fields.type,
    sizeBytes: String(upload.content.length),
    uri: `https://generativelanguage.googleapis.com/v1beta/files/${id}`,
    state: 'ACTIVE',
  }
  shelf.set(`files/${id}`, { fields, content: upload.content })
  return jsonAnswer(200, { file: fields }, { 'x-goog-upload-status': 'final' })
}

const picture: Handle = () =>
  jsonAnswer(200, { created: 1_763_812_800, data: [{ b64_json: Buffer.from('a picture').toString('base64') }] })

const transcribe: Handle = async (_shelf, request) => {
  const form = await readForm(request)
  const { name, bytes: content } = await readUpload(form)
  return jsonAnswer(200, { text: `${String(form.get('model'))} heard ${content.length} bytes of ${name}` })
}

const speak: Handle = (_shelf, { body }) => ({
  status: 200,
  headers: { 'content-type': 'audio/mpeg' },
  body: Buffer.from(`\x00\xff${body.input}\xfe`, 'latin1'),
})

const ADDRESSES: readonly Address[] = [
  ['openai', 'POST', /^\/v1\/files$/, uploadOpenaiFile],
  ['openai', 'GET', /^\/v1\/files$/, list('files', openaiList)],
  ['openai', 'GET', /^\/v1\/files\/([\w-]+)$/, show('files')],
  ['openai', 'GET', /^\/v1\/files\/([\w-]+)\/content$/, bytes('files', () => 'application/octet-stream')],
  ['openai', 'DELETE', /^\/v1\/files\/([\w-]+)$/, remove('files', (id) => ({ id, object: 'file', deleted: true }))],
  ['openai', 'POST', /^\/v1\/batches$/, createOpenaiBatch],
  ['openai', 'GET', /^\/v1\/batches\/(\w+)$/, show('batches')],
  ['openai', 'POST', /^\/v1\/batches\/(\w+)\/cancel$/, show('batches')],
  ['openai', 'GET', /^\/v1\/responses\/(\w+)$/, show('responses')],
  ['openai', 'DELETE', /^\/v1\/responses\/(\w+)$/, remove('responses', (id) => ({ id, deleted: true }))],
  ['openai', 'POST', /^\/v1\/images\/generations$/, picture],
  ['openai', 'POST', /^\/v1\/audio\/transcriptions$/, transcribe],
  ['openai', 'POST', /^\/v1\/audio\/speech$/, speak],
  ['openai', 'POST', /^\/v1\/moderations$/, () => jsonAnswer(200, { id: 'modr-1', results: [{ flagged: false }] })],
  ['anthropic', 'POST', /^\/v1\/files$/, uploadAnthropicFile],
  ['anthropic', 'GET', /^\/v1\/files$/, list('files', anthropicList)],
  ['anthropic', 'GET', /^\/v1\/files\/(\w+)$/, show('files')],
  ['anthropic', 'GET', /^\/v1\/files\/(\w+)\/content$/, bytes('files', ({ mime_type }) => mime_type)],
  ['anthropic', 'DELETE', /^\/v1\/files\/(\w+)$/, remove('files', (id) => ({ id, type: 'file_deleted' }))],
  ['anthropic', 'POST', /^\/v1\/messages\/batches$/, createAnthropicBatch],
  ['anthropic', 'GET', /^\/v1\/messages\/batches$/, list('batches', anthropicList)],
  ['anthropic', 'GET', /^\/v1\/messages\/batches\/(\w+)$/, show('batches')],
  ['anthropic', 'GET', /^\/v1\/messages\/batches\/(\w+)\/results$/, bytes('batches', () => 'application/x-jsonl')],
  ['google', 'POST', /^\/upload\/v1(?:beta)?\/files$/, uploadGoogleFile],
  ['google', 'GET', /^\/v1(?:beta)?\/files$/, list('files', (files) => ({ files }))],
  ['google', 'GET', /^\/v1(?:beta)?\/files\/(\w+)$/, show('files')],
  ['google', 'GET', /^\/v1(?:beta)?\/files\/(\w+):download$/, bytes('files', ({ mimeType }) => mimeType)],
  ['google', 'DELETE', /^\/v1(?:beta)?\/files\/(\w+)$/, remove('files', () => ({}))],
  ['google', 'POST', /^\/v1beta\/models\/[\w.-]+:predict$/, () => jsonAnswer(200, { predictions: [] })],
]
