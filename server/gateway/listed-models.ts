// A request's own list of models: `models: ["a", "b"]` in the body, or `x-uniroute-models: a, b` where the dialect has
// no such field. It is for UniRoute alone: what is relayed or translated is the body without it, otherwise byte for
// byte as it was sent.
import type { RequestHeaders } from '../http/route.ts'
import { GatewayError } from '../kernel/errors.ts'
import { lengthOfChunks, scanJsonObject, textOfChunks, type JsonScan } from '../kernel/json-scan.ts'
import type { Operation, Protocol } from '../protocols/protocol.ts'
import { asText, parseJson } from '../protocols/read.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { putMember, removeMember } from './body-members.ts'

/** Most models one request may name. */
export const MOST_LISTED = 10
const LONGEST_NAME = 256

export interface ListedModels {
  /** In the order of the list; empty where the request has none. */
  readonly names: readonly string[]
  readonly body: readonly Uint8Array[]
  readonly bodyLength: number
  readonly scan: JsonScan
}

interface Sent {
  readonly body: readonly Uint8Array[]
  readonly bodyLength: number
  /** Made with the keys of `scannedKeys`. */
  readonly scan: JsonScan
}

const SCANNED = new Map(Object.values(PROTOCOLS).map(({ id, peekKeys }) => [id, new Set([...peekKeys, 'models'])]))

/** The top-level keys to look for in a body of this dialect. */
export function scannedKeys({ id, peekKeys }: Protocol): ReadonlySet<string> {
  return SCANNED.get(id) ?? peekKeys
}

/** Takes the list out of the body; a body that names no other model gets the list's first in its place. */
export function takeListedModels(
  protocol: Protocol,
  { modelIn }: Pick<Operation, 'modelIn'>,
  headers: RequestHeaders,
  sent: Sent,
): ListedModels {
  const range = modelIn === 'body' ? sent.scan.values.get('models') : undefined
  const header = headers['x-uniroute-models']
  if (range === undefined && header === undefined) return { names: [], ...sent }
  if (range !== undefined && header !== undefined) {
    throw new GatewayError('bad_request', {
      message:
        'The request lists models twice: "models" in the body and the header x-uniroute-models. Send one of them.',
    })
  }
  const names = range
    ? readList(parseJson(textOfChunks(sent.body, range.start, range.end)))
    : readList(header!.split(',').map((name) => name.trim()))
  const needsModel = modelIn === 'body' && !sent.scan.values.has('model')
  if (range === undefined && !needsModel) return { names, ...sent }
  const bytes = Buffer.concat(sent.body)
  const body = needsModel ? putMember(bytes, range, 'model', names[0]!) : removeMember(bytes, range!)
  return { names, body, bodyLength: lengthOfChunks(body), scan: scanJsonObject(body, scannedKeys(protocol)) }
}

function readList(list: unknown): readonly string[] {
  const names = Array.isArray(list) ? list.map(asText) : []
  const isNames = names.every((name) => name !== null && name !== '' && name.length <= LONGEST_NAME)
  if (names.length > 0 && names.length <= MOST_LISTED && isNames) return names as string[]
  throw new GatewayError('bad_request', {
    message: `A list of models names 1 to ${MOST_LISTED} of them, in the order in which they are to be tried: "models": ["first", "second"], or x-uniroute-models: first, second.`,
  })
}
