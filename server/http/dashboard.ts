// The built dashboard, as files: its page, which says where it lives, in which language and colours, and its hashed
// assets, which never change under their name. The build may be missing or made anew while the server runs, so the page
// is looked at on every visit; assets are read once per build and kept compressed.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { escapeHtml } from './docs-page.ts'
import type { ControlReply, RequestHeaders } from './route.ts'

/** Every address of a page. `web/src/routes.ts` shows what belongs there; a test holds the two together. */
export const DASHBOARD_PAGES = [
  '/setup',
  '/sign-in',
  '/register',
  '/reset',
  '/join',
  '/playground',
  '/models',
  '/routing',
  '/team',
  '/usage',
  '/requests',
  '/audit',
  '/settings/*page',
  '/operator/*page',
] as const

export interface Dashboard {
  /** The page; null where there is no build. `base`: the path it is reached under, with slashes at both ends. */
  readPage(base: string, headers: RequestHeaders): ControlReply | null
  /** An asset by its name in `assets/`; null where there is none. */
  readAsset(name: string, headers: RequestHeaders): Promise<ControlReply | null>
}

interface Asset {
  readonly type: string
  readonly plain: Buffer
  /** Compressed forms, by encoding, as they are asked for. */
  readonly packed: Map<Encoding, Promise<Buffer>>
}

interface Build {
  readonly madeAt: number
  readonly page: string
  readonly assets: ReadonlyMap<string, Asset>
}

type Encoding = 'br' | 'gzip'

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}
const TEXT = /^text\/|svg/
const PACK: Readonly<Record<Encoding, (bytes: Buffer) => Promise<Buffer>>> = {
  br: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }),
  gzip: (bytes) => promisify(gzip)(bytes),
}

/** `folder`: where the build lies (`dist/web`), or will lie one day. */
export function createDashboard(folder: string): Dashboard {
  let build: Build | null = null

  function readBuild(): Build | null {
    const path = join(folder, 'index.html')
    if (!existsSync(path)) return (build = null)
    const madeAt = statSync(path).mtimeMs
    if (build?.madeAt !== madeAt) build = { madeAt, page: readFileSync(path, 'utf8'), assets: readAssets(folder) }
    return build
  }

  return {
    readPage(base, headers) {
      const current = readBuild()
      if (!current) return null
      const text = placePage(current.page, base, readTheme(headers))
      return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8', vary: 'cookie' }, text }
    },
    async readAsset(name, headers) {
      const asset = (build ?? readBuild())?.assets.get(name)
      if (!asset) return null
      const base = { 'content-type': asset.type, 'cache-control': 'public, max-age=31536000, immutable' }
      if (!TEXT.test(asset.type)) return { status: 200, headers: base, bytes: asset.plain }
      const encoding = chooseEncoding(headers['accept-encoding'])
      if (!encoding) return { status: 200, headers: { ...base, vary: 'accept-encoding' }, bytes: asset.plain }
      const packed = asset.packed.get(encoding) ?? PACK[encoding](asset.plain)
      asset.packed.set(encoding, packed)
      return {
        status: 200,
        headers: { ...base, vary: 'accept-encoding', 'content-encoding': encoding },
        bytes: await packed,
      }
    },
  }
}

function readAssets(folder: string): Map<string, Asset> {
  const place = join(folder, 'assets')
  const names = existsSync(place) ? readdirSync(place) : []
  return new Map(
    names.flatMap((name) => {
      const type = TYPES[extname(name)]
      return type ? [[name, { type, plain: readFileSync(join(place, name)), packed: new Map() }] as const] : []
    }),
  )
}

/** What only the server knows, written where the build left its defaults. */
function placePage(page: string, base: string, theme: string | null): string {
  const placed = page.replace('<base href="/"', () => `<base href="${escapeHtml(base)}"`)
  return theme === null ? placed : placed.replace('<html lang="en"', () => `<html lang="en" data-theme="${theme}"`)
}

/** Chosen in the dashboard and kept in a plain cookie; without one the style sheet follows the system. */
function readTheme(headers: RequestHeaders): string | null {
  return /(?:^|;)\s*theme=(light|dark)\s*(?:;|$)/.exec(headers['cookie'] ?? '')?.[1] ?? null
}

function chooseEncoding(accepted: string | undefined): Encoding | null {
  const offers = (accepted ?? '').split(',').map((part) => part.trim().toLowerCase())
  const takes = (name: string): boolean =>
    offers.some((offer) => offer.split(';')[0] === name && !/;\s*q=0(?:\.0*)?$/.test(offer))
  if (takes('br')) return 'br'
  return takes('gzip') ? 'gzip' : null
}
