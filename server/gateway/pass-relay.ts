// One try of a request that is passed through: the same method, path, query and bytes, with the key swapped. What is
// changed all the same:
// 1. the model's name, where the client wrote `openai/…`;
// 2. the query loses credentials;
// 3. two addresses of the vendor in answers become ours, since clients go on there with their UniRoute key:
//    `x-goog-upload-url`, and `results_url` of Anthropic's batches;
// 4. reasoning state that UniRoute sealed is taken out of JSON bodies (pass-state.ts).
import type { Profiles } from '../catalog/profiles.ts'
import { editChunks } from '../kernel/json-scan.ts'
import type { Edit } from '../kernel/json-tree.ts'
import { providerPath } from '../providers/provider.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import type { Carrier } from './carrier.ts'
import type { Exchange, Target } from './exchange.ts'
import { takesBody, type PassRule } from './pass-table.ts'
import { editSealedState } from './pass-state.ts'
import { ByteRelay } from './relay-bytes.ts'
import { buildPassHeaders } from './upstream-request.ts'

const CREDENTIAL_PARAMETERS: ReadonlySet<string> = new Set(['key', 'api_key', 'access_token', 'oauth_token'])
const UPLOAD_ID = /^[A-Za-z0-9_-]{1,1024}$/
const UPLOAD_HEADERS = ['x-goog-upload-status', 'x-goog-upload-chunk-granularity', 'x-goog-upload-size-received']
const RESULTS_URL = /("results_url"\s*:\s*")https?:\/\/[^"\\]*\/v1\/messages\/batches\/([A-Za-z0-9_-]+)\/results"/g

export interface PassRelayTools {
  readonly publicUrl: string
  readonly profiles: Profiles
}

export function createPassRelay(
  { publicUrl, profiles }: PassRelayTools,
  exchange: Exchange,
  target: Target,
  pass: PassRule,
): Carrier {
  const { protocol } = exchange
  return {
    dialect: protocol.id,
    method: pass.method,
    path: buildPath(exchange, target, pass),
    body: takesBody(pass.method) ? editBody(profiles, exchange, target, pass) : null,
    relaysErrors: true,
    buildHeaders: (credential) => buildPassHeaders(exchange, target, credential),
    decodeError: (status, text) => protocol.decodeError(status, text),
    createAnswer(status, headers) {
      const extra = pass.rewrites === 'upload-url' ? readUploadHeaders(exchange, headers, publicUrl) : {}
      if (extra === null) return null
      const rewrite = pass.rewrites === 'results-url' ? (text: string) => pointToUs(text, publicUrl) : null
      return new ByteRelay(exchange, { status, headers, extra, rewrite })
    },
  }
}

function buildPath(exchange: Exchange, { provider }: Target, pass: PassRule): string {
  const { match, model, clientVersion } = exchange
  const filled = pass.path.replaceAll(/[:*]([a-z]+)/g, (_whole, name: string) =>
    encodeURIComponent(
      name === 'model' && pass.modelIn === 'path' ? model.replace(/^models\//, '') : (match.params[name] ?? ''),
    ),
  )
  const path = pass.verb === null ? filled : `${filled}:${pass.verb}`
  const at = providerPath({ ...provider, basePath: provider.basePath + pass.prefix }, clientVersion, path)
  const query = new URLSearchParams()
  for (const [name, value] of match.query) {
    if (!CREDENTIAL_PARAMETERS.has(name.toLowerCase()) && !value.startsWith('ur_')) query.append(name, value)
  }
  return query.size === 0 ? at : `${at}?${query}`
}

function editBody(profiles: Profiles, exchange: Exchange, target: Target, pass: PassRule): readonly Uint8Array[] {
  const edits = [...editModel(exchange, target, pass), ...editSealedState(profiles, exchange, target, pass)]
  return editChunks(exchange.body, edits)
}

function editModel({ scan, requestedModel, match }: Exchange, { model }: Target, pass: PassRule): Edit[] {
  const range = scan.values.get('model')
  if (pass.modelIn !== 'body' || range === undefined || requestedModel === model) return []
  const isForm = /^multipart\//i.test(match.headers['content-type'] ?? '')
  return [{ start: range.start, end: range.end, text: isForm ? model : JSON.stringify(model) }]
}

/** Where an upload begins, the vendor names the address for its bytes: ours stands for it. null: it cannot be read. */
function readUploadHeaders(
  { clientVersion }: Exchange,
  headers: UpstreamHeaders,
  publicUrl: string,
): Record<string, string> | null {
  const extra: Record<string, string> = {}
  for (const name of UPLOAD_HEADERS) {
    const value = headers[name]
    if (typeof value === 'string') extra[name] = value
  }
  const url = headers['x-goog-upload-url']
  if (url === undefined) return extra
  if (typeof url !== 'string' || !URL.canParse(url)) return null
  const id = new URL(url).searchParams.get('upload_id') ?? ''
  if (!UPLOAD_ID.test(id)) return null
  const base = publicUrl.replace(/\/+$/, '')
  extra['x-goog-upload-url'] =
    `${base}/upload/${clientVersion ?? 'v1beta'}/files?upload_id=${id}&upload_protocol=resumable`
  return extra
}

/** A quote inside a JSON string is escaped, so nothing but the member itself can look like this. */
function pointToUs(text: string, publicUrl: string): string {
  const base = publicUrl.replace(/\/+$/, '')
  return text.replaceAll(
    RESULTS_URL,
    (_whole, member: string, id: string) => `${member}${base}/v1/messages/batches/${id}/results"`,
  )
}
