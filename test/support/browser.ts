// A real browser for the dashboard's journeys, from the package folder of the test clients. It watches what every
// journey must hold: no error in the console, no request to anywhere else, no breach of the content security policy, no
// secret in page, address, storage, console or answers, nothing to scroll sideways, and no finding of axe.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type ScannedText, scanForSecrets } from './canary-scan.ts'

// Other people's programs, used as their documentation says.
type Sdk = any

const folder = new URL('../clients/', import.meta.url)
const requireClient = createRequire(new URL('package.json', folder))
export const browserInstalled = existsSync(fileURLToPath(new URL('node_modules/@sparticuz/chromium/bin', folder)))
export const dashboardBuilt = existsSync(fileURLToPath(new URL('../../dist/web/index.html', import.meta.url)))

/** What a page may be made of: our own files, no script and no style written into it, no frame round it. */
const POLICY = ["default-src 'self'", "base-uri 'self'", "object-src 'none'", "frame-ancestors 'none'"]
/** Where access tokens come from, which stay in memory. */
const TOKENS = /\/auth\/(?:login|refresh|register|setup)$/

export interface OpenOptions {
  readonly width?: number
  readonly height?: number
  readonly theme?: 'light' | 'dark'
  /** Errors of the console that a journey provokes: a refused call is told by the browser as an error of its own. */
  readonly expect?: RegExp
  /** The one origin besides ours that a person is led to: a sign-in provider's. */
  readonly leavesFor?: string
  /** Another tab of the same browser: they share cookies, storage and locks. */
  readonly sibling?: Watched
  /** Done with Playwright's page before the address is opened. */
  readonly before?: (page: Sdk) => Promise<void>
}

export interface Watched {
  /** Playwright's own. */
  readonly page: Sdk
  /** What was seen and must not be; empty is a pass. */
  readonly problems: string[]
  /** The paths that were on screen. */
  readonly visited: ReadonlySet<string>
  readonly isClosed: boolean
  /**
   * Where any piece of these secrets, or of the page's own access tokens, can be read. Those of `shownOnce` may stand
   * in one answer, and in the page while `isShown`.
   */
  findLeaks(secrets: readonly string[], shownOnce?: ReadonlySet<string>, isShown?: boolean): Promise<string[]>
  /** The findings of axe, by rule and place, after transitions have ended. */
  runAxe(): Promise<string[]>
  /** Is there anything to scroll sideways, at this width? The window has its own width again afterwards. */
  scrollsSideways(width?: number): Promise<boolean>
  close(): Promise<void>
}

export interface Browser {
  open(url: string, options?: OpenOptions): Promise<Watched>
  close(): Promise<void>
}

/** Unpacks the browser where that was not done yet. */
export async function findBrowser(): Promise<{ executablePath: string; args: string[] }> {
  const { default: chromium } = (await import(pathToFileURL(requireClient.resolve('@sparticuz/chromium')).href)) as Sdk
  return { executablePath: await chromium.executablePath(), args: chromium.args }
}

export async function launchBrowser(): Promise<Browser> {
  const { chromium: playwright } = requireClient('playwright-core') as Sdk
  const { executablePath, args: usual } = await findBrowser()
  const args = usual.filter((word) => !/^--(?:single-process|headless)/.test(word))
  const browser = await playwright.launch({
    executablePath,
    // A name that is not loopback, and so plain HTTP as it is elsewhere.
    args: [...args, '--no-sandbox', '--headless=shell', '--host-resolver-rules=MAP uniroute.test 127.0.0.1'],
    headless: true,
  })
  const axe = readFileSync(requireClient.resolve('axe-core/axe.min.js'), 'utf8')
  return {
    open: (url, options) => openPage(browser, axe, url, options),
    close: () => browser.close(),
  }
}

/**
 * What the next call to this address meets, once. The route stays afterwards: while a page's last one is taken away,
 * calls that are on their way are lost now and then, as if the network had failed.
 */
export async function meetOnce(page: Sdk, address: string | RegExp, meet: (route: Sdk) => unknown): Promise<void> {
  let isMet = false
  await page.route(address, (route: Sdk) => {
    if (isMet) return route.fallback()
    isMet = true
    return meet(route)
  })
}

/** All that came and went while a page was open. */
interface Seen {
  readonly problems: string[]
  readonly visited: Set<string>
  readonly addresses: Set<string>
  readonly lines: string[]
  readonly answers: ScannedText[]
  readonly tokens: Set<string>
}

async function openPage(browser: Sdk, axe: string, url: string, options: OpenOptions = {}): Promise<Watched> {
  const { width = 1280, height = 900, theme = 'light' } = options
  const context =
    options.sibling?.page.context() ??
    (await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: 'reduce',
      locale: 'en-GB',
    }))
  const page = await context.newPage()
  const seen: Seen = {
    problems: [],
    visited: new Set(),
    addresses: new Set(),
    lines: [],
    answers: [],
    tokens: new Set(),
  }
  watch(page, seen, new URL(url).origin, options)
  await page.exposeFunction('tellBreach', (breach: string) => seen.problems.push(`csp: ${breach}`))
  await page.addInitScript(() => {
    const { document, tellBreach } = globalThis as Sdk
    document.addEventListener('securitypolicyviolation', (event: Sdk) =>
      tellBreach(`${event.violatedDirective} ${event.blockedURI}`),
    )
  })
  await options.before?.(page)
  await page.goto(url)
  let isClosed = false
  return {
    page,
    problems: seen.problems,
    visited: seen.visited,
    get isClosed() {
      return isClosed
    },
    findLeaks: (secrets, shownOnce = new Set(), isShown = false) => findLeaks(page, seen, secrets, shownOnce, isShown),
    async runAxe() {
      // Run by the debugger, which the page's policy does not bind; once a document, since reading it takes longest.
      if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(axe)
      const { violations } = await page.evaluate(() =>
        (globalThis as Sdk).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
      )
      return violations.flatMap((one: Sdk) =>
        one.nodes.map((node: Sdk) => `${one.id}: ${node.html.slice(0, 160)} ${node.any?.[0]?.message ?? ''}`),
      )
    },
    async scrollsSideways(narrow) {
      const own = page.viewportSize()
      if (narrow !== undefined) await page.setViewportSize({ ...own, width: narrow })
      let scrolls = await page.evaluate(measureSideways)
      // Charts take a new width a few frames after everything else.
      for (let look = 0; scrolls && look < 20; look++) {
        await page.waitForTimeout(100)
        scrolls = await page.evaluate(measureSideways)
      }
      if (narrow !== undefined) await page.setViewportSize(own)
      return scrolls
    },
    async close() {
      isClosed = true
      await (options.sibling ? page.close() : context.close())
    },
  }
}

function watch(page: Sdk, seen: Seen, origin: string, { expect: expected, leavesFor }: OpenOptions): void {
  page.on('console', (message: Sdk) => {
    seen.lines.push(message.text())
    if (message.type() === 'error' && !expected?.test(message.text())) seen.problems.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error: Error) => {
    seen.lines.push(String(error.stack))
    seen.problems.push(`page: ${error.message}`)
  })
  page.on('request', (request: Sdk) => {
    seen.addresses.add(request.url())
    if (![origin, leavesFor].includes(new URL(request.url()).origin))
      seen.problems.push(`foreign request: ${request.url()}`)
  })
  page.on('framenavigated', (frame: Sdk) => {
    // A code in the fragment reaches no server; that it is gone at once is seen in the address itself.
    seen.addresses.add(frame.url().split('#')[0])
    seen.visited.add(new URL(frame.url()).pathname)
  })
  page.on('response', (response: Sdk) => {
    const { 'content-type': type = '', 'content-security-policy': policy = '' } = response.headers()
    const { pathname } = new URL(response.url())
    if (type.startsWith('text/html') && response.status() === 200) {
      const missing = POLICY.filter((part) => !policy.includes(part))
      if (missing.length > 0 || policy.includes('unsafe')) seen.problems.push(`policy of ${pathname}: ${policy}`)
    }
    // Assets are of the build, and the same for everybody.
    if (!/json|text/.test(type) || pathname.includes('/assets/')) return
    void keepAnswer(response, pathname, seen)
  })
}

async function keepAnswer(response: Sdk, pathname: string, seen: Seen): Promise<void> {
  // An answer that was broken off has no text.
  const text = (await response.text().catch(() => null)) as string | null
  if (text === null) return
  seen.answers.push({ name: `answer to ${response.request().method()} ${pathname}`, text })
  const token = TOKENS.test(pathname) && response.ok() && (JSON.parse(text) as { token?: string }).token
  if (token) seen.tokens.add(token)
}

async function findLeaks(
  page: Sdk,
  seen: Seen,
  secrets: readonly string[],
  shownOnce: ReadonlySet<string>,
  isShown: boolean,
): Promise<string[]> {
  const state = (await page.evaluate(() => {
    const { document, location, localStorage, sessionStorage } = globalThis as Sdk
    // What somebody types into a password field stands there and nowhere else.
    const fields = [...document.querySelectorAll('input:not([type=password]), textarea')]
    return {
      page: document.documentElement.outerHTML + fields.map((field: Sdk) => field.value).join('\n'),
      address: `${location.href} ${document.title}`,
      storage: JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie,
    }
  })) as Record<string, string>
  const places: ScannedText[] = [
    { name: 'page', text: state['page']!, shows: isShown ? [...shownOnce] : [] },
    { name: 'address', text: `${state['address']} ${[...seen.addresses].join(' ')}` },
    { name: 'storage', text: state['storage']! },
    { name: 'console', text: seen.lines.join('\n') },
  ]
  const left = new Set(shownOnce)
  const answers = seen.answers.map((answer) => {
    const shows = [...left].filter((secret) => answer.text.includes(secret))
    for (const secret of shows) left.delete(secret)
    return { ...answer, shows }
  })
  const leaks = [
    ...scanForSecrets({ texts: [...places, ...answers], secrets }),
    ...scanForSecrets({ texts: places, secrets: [...seen.tokens] }),
  ]
  return leaks.map(({ where, how, secret }) => `${secret} (${how}) in ${where}`)
}

/** After the next picture, since a new width is laid out then. */
function measureSideways(): Promise<boolean> {
  const { document, requestAnimationFrame } = globalThis as Sdk
  return new Promise((resolve) => {
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        const { scrollWidth, clientWidth } = document.documentElement
        resolve(scrollWidth > clientWidth)
      }),
    )
  })
}
