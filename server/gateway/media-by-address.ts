// Pictures and files that a client named by their address, for providers that want the bytes. They are fetched before
// the request is written in the provider's dialect, once for a request however many keys and models are tried, and only
// where the dialect asked next has no place for an address. What cannot be fetched is the request's fault: no other key
// would change it.
import type { IncomingMessage } from 'node:http'
import type { ByteBudget } from '../http/body.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { ChatRequest, Item, MediaItem } from '../protocols/canonical.ts'
import type { Codec } from '../protocols/codec.ts'
import { fitsKind, mediaKindOf, readMediaType } from '../protocols/media-types.ts'
import { fetchFile, type FetchedFile } from '../upstream/fetch-file.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Exchange } from './exchange.ts'

export interface MediaSettings {
  readonly enabled: boolean
  /** All files of a request together, bytes. */
  readonly maxBytes: number
  /** For all files of a request together, milliseconds. */
  readonly timeoutMs: number
  readonly trustedOrigins: ReadonlySet<string>
}

export interface MediaByAddress {
  /** Is anything to be fetched for it? Throws the client's 400 where that will not be done. */
  isAwaited(codec: Codec, request: ChatRequest): boolean
  /** Fetches what the dialect cannot hold by its address; null where nothing is. Rejects with the client's 400. */
  fetchFor(exchange: Exchange, codec: Codec, request: ChatRequest): Promise<void> | null
  /** The items with the bytes in place of those addresses. */
  place(exchange: Exchange, codec: Codec, request: ChatRequest, items: readonly Item[]): readonly Item[]
}

type Media = Pick<MediaItem, 'media' | 'source'>
type ByAddress = Media & { readonly source: { readonly from: 'url' } }
type Bytes = Pick<MediaItem, 'media'> & { readonly source: { from: 'data'; mime: string; data: string } }

const MOST_FILES = 32
const AT_ONCE = 4
const MEGABYTE = 1024 * 1024

interface Fetching {
  readonly files: Map<string, Promise<FetchedFile>>
  readonly ready: Map<string, Bytes>
  readonly endsAt: number
  readonly aborted: AbortController
  bytesLeft: number
}

export function createMediaByAddress(
  settings: MediaSettings,
  { upstream, bodyBudget }: { upstream: Upstream; bodyBudget: ByteBudget },
): MediaByAddress {
  /** By what all exchanges of one request share. */
  const known = new WeakMap<IncomingMessage, Fetching>()

  function fetchingOf({ request, response }: Exchange): Fetching {
    const found = known.get(request)
    if (found) return found
    const made: Fetching = {
      files: new Map(),
      ready: new Map(),
      endsAt: performance.now() + settings.timeoutMs,
      aborted: new AbortController(),
      bytesLeft: settings.maxBytes,
    }
    known.set(request, made)
    response.once('close', () => {
      made.aborted.abort()
      bodyBudget.give(settings.maxBytes - made.bytesLeft)
      made.ready.clear()
    })
    return made
  }

  /** Holds as much of the process's budget as the file may need, and afterwards as much as it does. */
  async function fetchOne(fetching: Fetching, url: string): Promise<FetchedFile> {
    const maxBytes = fetching.bytesLeft
    if (!bodyBudget.take(maxBytes)) throw new GatewayError('gateway_overloaded')
    let kept = 0
    try {
      const file = await fetchFile(upstream, url, {
        timeoutMs: Math.max(fetching.endsAt - performance.now(), 1),
        maxBytes,
        trustedOrigins: settings.trustedOrigins,
        signal: fetching.aborted.signal,
      })
      if (file.kind !== 'file') return file
      // Others of the same request came in meanwhile.
      if (file.bytes.length > fetching.bytesLeft) return { kind: 'failed', why: 'too-large' }
      if (!fetching.aborted.signal.aborted) kept = file.bytes.length
      fetching.bytesLeft -= kept
      return file
    } finally {
      bodyBudget.give(maxBytes - kept)
    }
  }

  function refuse(found: ByAddress, place: string, why: string): GatewayError {
    const kind = found.media === 'pdf' ? 'document' : found.media
    return new GatewayError('bad_request', {
      message: `The ${kind} at ${nameOf(found.source.url)} (${place}) cannot be sent to this model: ${why}. Send its content as base64 instead, or correct the address.`,
    })
  }

  function read(found: ByAddress, place: string, file: FetchedFile): Bytes {
    if (file.kind === 'failed') throw refuse(found, place, explain(file, settings))
    const mime = readMediaType(file.bytes, file.type)
    if (!fitsKind(found.media, mime)) throw refuse(found, place, `what stands there is ${mime}`)
    return { media: mediaKindOf(mime), source: { from: 'data', mime, data: file.bytes.toString('base64') } }
  }

  async function fetchAll(exchange: Exchange, all: readonly ByAddress[]): Promise<void> {
    const fetching = fetchingOf(exchange)
    const waiting = [...all.entries()]
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next && !fetching.aborted.signal.aborted; next = waiting.shift()) {
        const [index, found] = next
        const { url } = found.source
        if (fetching.ready.has(keyOf(found))) continue
        const file = fetching.files.get(url) ?? fetchOne(fetching, url)
        fetching.files.set(url, file)
        fetching.ready.set(keyOf(found), read(found, `number ${index + 1} of ${all.length} by address`, await file))
      }
    }
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, work))
    } catch (error) {
      // Whatever else is under way is for nothing.
      fetching.aborted.abort()
      throw error
    } finally {
      // From here on the bytes are held once, as base64.
      fetching.files.clear()
    }
  }

  function listWanted(codec: Codec, request: ChatRequest): ByAddress[] {
    if (!codec.needsBytes) return []
    const all = listMedia(request.items).filter((media) => isWanted(codec, request, media))
    if (all.length > 0 && !settings.enabled)
      throw refuse(all[0]!, `number 1 of ${all.length} by address`, 'this server fetches no files')
    if (all.length > MOST_FILES) {
      throw new GatewayError('bad_request', {
        message: `The request names ${all.length} files by address; at most ${MOST_FILES} are fetched for this model. Send their content as base64 instead.`,
      })
    }
    return all
  }

  return {
    isAwaited: (codec, request) => listWanted(codec, request).length > 0,
    fetchFor(exchange, codec, request) {
      const all = listWanted(codec, request)
      return all.length === 0 ? null : fetchAll(exchange, all)
    },
    place(exchange, codec, request, items) {
      const ready = known.get(exchange.request)?.ready
      if (!ready || ready.size === 0) return items
      const fill = <Of extends Media>(media: Of): Of => {
        const bytes = isWanted(codec, request, media) ? ready.get(keyOf(media)) : undefined
        return bytes ? { ...media, ...bytes } : media
      }
      return items.map((item) => {
        if (item.kind === 'media') return fill(item)
        if (item.kind !== 'result') return item
        return { ...item, parts: item.parts.map((part) => (part.kind === 'media' ? fill(part) : part)) }
      })
    },
  }
}

function listMedia(items: readonly Item[]): Media[] {
  return items.flatMap((item): Media[] => {
    if (item.kind === 'media') return [item]
    return item.kind === 'result' ? item.parts.filter((part) => part.kind === 'media') : []
  })
}

function isWanted(codec: Codec, request: ChatRequest, media: Media): media is ByAddress {
  return media.source.from === 'url' && codec.needsBytes?.(media, request) === true
}

const keyOf = ({ media, source }: ByAddress): string => `${media} ${source.url}`

/** Without what may be a secret in it. */
function nameOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  const name = parsed ? parsed.origin + parsed.pathname : url.split(/[?#]/)[0]!
  return name.length > 200 ? `${name.slice(0, 200).toWellFormed()}…` : name
}

function explain(file: Exclude<FetchedFile, { kind: 'file' }>, { maxBytes, timeoutMs }: MediaSettings): string {
  switch (file.why) {
    case 'address':
      return 'only addresses that begin with https://, without a user name, are fetched'
    case 'unreachable':
      return 'it cannot be reached at a public address'
    case 'timeout':
      return `it did not arrive within ${timeoutMs / 1000} seconds`
    case 'too-large':
      return `the files of one request may have ${Math.floor(maxBytes / MEGABYTE)} MB together`
    case 'redirects':
      return 'it leads from one address to another too often'
    case 'status':
      return `its server answered with status ${file.status}`
  }
}
