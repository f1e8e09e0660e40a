// From method and path to a route. Built once from the route table; static paths (all hot ones) are one map look-up,
// paths with `:name` or `*name` walk a small tree. Matching is case-sensitive and works on the encoded path, so the
// path that is authorised is the path that is served. Registration refuses what is incomplete or ambiguous: a route
// without an explicit credential, role, body cap and rate class does not start.
import { GatewayError } from '../kernel/errors.ts'
import type { Method, Mount, Route } from './route.ts'
import { checkRouteFacts } from './route-facts.ts'

export interface FoundRoute {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
  /** Mount and doubled version segment taken off. */
  readonly path: string
  readonly mount: Mount | null
}

export type RouterVerdict =
  { readonly found: FoundRoute } | { readonly refused: GatewayError; readonly allow?: readonly string[] }

export interface Router {
  match(method: string, path: string): RouterVerdict
  /** What a path could be asked for; undefined for an unknown path. */
  listMethods(path: string): readonly string[] | undefined
  readonly routes: readonly Route[]
}

interface Entry {
  readonly route: Route
  readonly names: readonly string[]
}

/** What stands at one path: a route per method, and per method and verb. */
interface Place {
  readonly methods: Map<string, Entry>
  readonly verbs: Map<string, Map<string, Entry>>
}

interface Branch {
  readonly fixed: Map<string, Branch>
  named: Branch | undefined
  rest: Place | undefined
  place: Place | undefined
}

interface Spot {
  readonly place: Place
  readonly values: readonly string[]
  /** The verb that was taken off, where the place has one of that name. */
  readonly verb: string | undefined
}

interface Normalised {
  readonly path: string
  readonly mount: Mount | null
  /** Reached by a mount or a doubled version segment: data routes only. */
  readonly aliased: boolean
}

const MOUNTS: readonly [prefix: string, mount: Mount][] = [
  ['/openai/', 'openai'],
  ['/anthropic/', 'anthropic'],
  ['/gemini/', 'gemini'],
]
const VERSION_SEGMENT = /^\/(v1|v1beta)\//
/** Google's uploads have a prefix before the version. */
const BEHIND_MOUNT = /^\/(?:upload\/)?(?:v1|v1beta)\//
const ENCODED_PUNCTUATION = /%(?:2[EeFf]|5[Cc])/

export function createRouter(routes: readonly Route[]): Router {
  const fixed = new Map<string, Place>()
  const tree = createBranch()
  for (const route of routes) {
    checkRouteFacts(route)
    addRoute(route, fixed, tree)
  }

  function locate(path: string): Spot | undefined {
    const place = fixed.get(path)
    if (place) return { place, values: [], verb: undefined }
    return descend(tree, path.slice(1).split('/'), 0, [])
  }

  function locateRequest(asked: string): { spot: Spot | undefined; normalised: Normalised } {
    const plain: Normalised = { path: withoutTrailingSlash(asked), mount: null, aliased: false }
    const direct = fixed.get(plain.path)
    if (direct) return { spot: { place: direct, values: [], verb: undefined }, normalised: plain }
    const normalised = normaliseDataPath(plain)
    return { spot: locate(normalised.path), normalised }
  }

  function match(method: string, asked: string): RouterVerdict {
    const { spot, normalised } = locateRequest(asked)
    const { path, mount } = normalised
    const entries = spot ? listEntries(spot, normalised) : undefined
    if (!spot || !entries || entries.size === 0) return refuseUnknown(path)
    const entry = entries.get(method) ?? (method === 'HEAD' ? headOf(entries) : undefined)
    if (!entry) {
      // `:predict` on a path that knows other verbs is an unknown address, not a wrong method.
      if (spot.verb === undefined && spot.place.verbs.size > 0 && lastSegment(path).includes(':')) {
        return refuseUnknown(path)
      }
      const allow = listAllowed(entries)
      const message = `This address does not take that method. Use ${allow.join(', ')}.`
      return { refused: new GatewayError('method_not_allowed', { message }), allow }
    }
    const params = decodeParams(entry, spot.values)
    return params instanceof GatewayError ? { refused: params } : { found: { route: entry.route, params, path, mount } }
  }

  return {
    match,
    listMethods(asked) {
      const { spot, normalised } = locateRequest(asked)
      const entries = spot ? listEntries(spot, normalised) : undefined
      return entries && entries.size > 0 ? listAllowed(entries) : undefined
    },
    routes,
  }
}

function createBranch(): Branch {
  return { fixed: new Map(), named: undefined, rest: undefined, place: undefined }
}

function createPlace(): Place {
  return { methods: new Map(), verbs: new Map() }
}

function addRoute(route: Route, fixed: Map<string, Place>, tree: Branch): void {
  const names: string[] = []
  let place: Place
  if (!/[:*]/.test(route.path)) {
    place = fixed.get(route.path) ?? createPlace()
    fixed.set(route.path, place)
  } else {
    let branch = tree
    let rest: Branch | undefined
    for (const segment of route.path.slice(1).split('/')) {
      if (segment.startsWith('*')) {
        names.push(segment.slice(1))
        rest = branch
      } else if (segment.startsWith(':')) {
        names.push(segment.slice(1))
        branch = branch.named ??= createBranch()
      } else {
        const next = branch.fixed.get(segment) ?? createBranch()
        branch.fixed.set(segment, next)
        branch = next
      }
    }
    place = rest ? (rest.rest ??= createPlace()) : (branch.place ??= createPlace())
  }
  const verb = route.plane === 'data' ? route.verb : undefined
  const methods = verb === undefined ? place.methods : (place.verbs.get(verb) ?? new Map<string, Entry>())
  if (verb !== undefined) place.verbs.set(verb, methods)
  if (methods.has(route.method)) throw new Error(`Two routes answer ${describeRoute(route)}.`)
  methods.set(route.method, { route, names })
}

/** A route's method and address, as people write it. */
export function describeRoute(route: { method: Method; path: string; verb?: string }): string {
  return `${route.method} ${route.path}${route.verb === undefined ? '' : `:${route.verb}`}`
}

/** Fixed segments win over `:name`, `:name` over `*name`. */
function descend(
  branch: Branch,
  segments: readonly string[],
  index: number,
  values: readonly string[],
): Spot | undefined {
  if (index === segments.length) return branch.place ? { place: branch.place, values, verb: undefined } : undefined
  const segment = segments[index]!
  const next = branch.fixed.get(segment)
  const fixedSpot = next && descend(next, segments, index + 1, values)
  if (fixedSpot) return fixedSpot
  const namedSpot = branch.named && segment !== '' && descend(branch.named, segments, index + 1, [...values, segment])
  if (namedSpot) return namedSpot
  return branch.rest && segment !== '' ? takeRest(branch.rest, segments.slice(index).join('/'), values) : undefined
}

/** The verb is what stands behind the last colon, if the place knows it: `llama3:8b` keeps its colon. */
function takeRest(place: Place, rest: string, values: readonly string[]): Spot {
  const colon = rest.lastIndexOf(':')
  const verb = colon > 0 ? rest.slice(colon + 1) : undefined
  if (verb !== undefined && place.verbs.has(verb)) return { place, values: [...values, rest.slice(0, colon)], verb }
  return { place, values: [...values, rest], verb: undefined }
}

/** The entries a request may reach at its spot: aliases lead to data routes of that mount only. */
function listEntries(spot: Spot, { aliased, mount }: Normalised): ReadonlyMap<string, Entry> {
  const entries = spot.verb === undefined ? spot.place.methods : spot.place.verbs.get(spot.verb)!
  if (!aliased) return entries
  const reachable = new Map<string, Entry>()
  for (const [method, entry] of entries) {
    const { route } = entry
    if (route.plane !== 'data') continue
    if (mount === null || !route.mounts || route.mounts.includes(mount)) reachable.set(method, entry)
  }
  return reachable
}

/** HEAD is GET without a body on the control plane; data routes say themselves what they take. */
function headOf(entries: ReadonlyMap<string, Entry>): Entry | undefined {
  const entry = entries.get('GET')
  return entry?.route.plane === 'control' ? entry : undefined
}

function listAllowed(entries: ReadonlyMap<string, Entry>): string[] {
  const allowed = new Set(entries.keys())
  if (headOf(entries)) allowed.add('HEAD')
  return [...allowed.add('OPTIONS')].sort()
}

function refuseUnknown(path: string): RouterVerdict {
  return { refused: ENCODED_PUNCTUATION.test(path) ? encodedPunctuation() : new GatewayError('not_found') }
}

function encodedPunctuation(): GatewayError {
  return new GatewayError('bad_request', {
    message: 'The path holds an encoded slash, dot or control character where none belongs. Send it unencoded.',
  })
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Takes `/openai` and the like off, and one of two equal version segments (`/v1/v1/…`). */
function normaliseDataPath(plain: Normalised): Normalised {
  let { path } = plain
  let mount: Mount | null = null
  for (const [prefix, name] of MOUNTS) {
    if (path.startsWith(prefix) && BEHIND_MOUNT.test(path.slice(prefix.length - 1))) {
      path = path.slice(prefix.length - 1)
      mount = name
      break
    }
  }
  const version = VERSION_SEGMENT.exec(path)?.[0]
  const doubled = version !== undefined && path.startsWith(version, version.length - 1)
  if (doubled) path = path.slice(version.length - 1)
  return { path, mount, aliased: mount !== null || doubled }
}

function decodeParams(entry: Entry, values: readonly string[]): Readonly<Record<string, string>> | GatewayError {
  const params = Object.create(null) as Record<string, string>
  for (const [index, name] of entry.names.entries()) {
    const isRest = entry.route.path.endsWith(`*${name}`) && index === entry.names.length - 1
    const value = decodeId(values[index]!, isRest)
    if (value === undefined) return encodedPunctuation()
    params[name] = value
  }
  return params
}

/** An id out of the path; undefined where its decoded form would be another path. Model ids may hold slashes. */
function decodeId(raw: string, isRest: boolean): string | undefined {
  if (!isRest && ENCODED_PUNCTUATION.test(raw)) return undefined
  const decoded = raw.includes('%') ? decodeUtf8(raw) : raw
  // oxlint-disable-next-line no-control-regex
  if (decoded === undefined || decoded === '' || /[\x00-\x1f\x7f\\]/.test(decoded)) return undefined
  return decoded.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')
    ? undefined
    : decoded
}

function decodeUtf8(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
