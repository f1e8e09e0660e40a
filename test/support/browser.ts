// A real browser for the dashboard's journeys, from the package folder of the test clients. It watches what every journey
// must hold: no error in the console, no request to anywhere else, no breach of the content security policy, no secret
// in page, address, storage or answers, nothing to scroll sideways, and no finding of axe.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

// Other people's programs, used as their documentation says.
type Sdk = any

const folder = new URL('../clients/', import.meta.url)
const requireClient = createRequire(new URL('package.json', folder))
export const browserInstalled = existsSync(fileURLToPath(new URL('node_modules/@sparticuz/chromium/bin', folder)))
export const dashboardBuilt = existsSync(fileURLToPath(new URL('../../dist/web/index.html', import.meta.url)))

export interface Watched {
  /** Playwright's own. */
  readonly page: Sdk
  /** What was seen and must not be; empty is a pass. */
  readonly problems: string[]
  /** Looks into page, address and storage for a secret. */
  findSecret(secret: string): Promise<string[]>
  /** The findings of axe, by rule and place, after transitions have ended. */
  runAxe(): Promise<string[]>
  scrollsSideways(): Promise<boolean>
  close(): Promise<void>
}

export interface Browser {
  open(
    url: string,
    options?: { width?: number; height?: number; theme?: 'light' | 'dark'; expect?: RegExp },
  ): Promise<Watched>
  close(): Promise<void>
}

export async function launchBrowser(): Promise<Browser> {
  const { default: chromium } = (await import(pathToFileURL(requireClient.resolve('@sparticuz/chromium')).href)) as Sdk
  const { chromium: playwright } = requireClient('playwright-core') as Sdk
  const args = (chromium.args as string[]).filter((word) => !/^--(?:single-process|headless)/.test(word))
  const browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
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

async function openPage(
  browser: Sdk,
  axe: string,
  url: string,
  options: { width?: number; height?: number; theme?: 'light' | 'dark'; expect?: RegExp } = {},
): Promise<Watched> {
  const { width = 1280, height = 900, theme = 'light' } = options
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: 'reduce',
    locale: 'en-GB',
  })
  const page = await context.newPage()
  const problems: string[] = []
  const origin = new URL(url).origin
  const bodies: { url: string; text: string }[] = []
  page.on('console', (message: Sdk) => {
    // A refused sign-in is told by the browser as an error of its own; journeys name those they provoke.
    if (message.type() === 'error' && !options.expect?.test(message.text())) problems.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error: Error) => problems.push(`page: ${error.message}`))
  page.on('request', (request: Sdk) => {
    if (!String(request.url()).startsWith(origin)) problems.push(`foreign request: ${request.url()}`)
  })
  page.on('response', (response: Sdk) => {
    if (!/json|text/.test(response.headers()['content-type'] ?? '')) return
    void response.text().then(
      (text: string) => bodies.push({ url: response.url(), text }),
      () => undefined,
    )
  })
  await context.addInitScript(() => {
    const seen: string[] = []
    Object.assign(globalThis, { cspBreaches: seen })
    ;(globalThis as Sdk).document.addEventListener('securitypolicyviolation', (event: Sdk) =>
      seen.push(`${event.violatedDirective} ${event.blockedURI}`),
    )
  })
  await page.goto(url)
  return {
    page,
    problems,
    async findSecret(secret) {
      const places: string[] = []
      const state = await page.evaluate(() => {
        const { document, location, localStorage, sessionStorage } = globalThis as Sdk
        const values = [...document.querySelectorAll('input, textarea')].map((field: Sdk) => field.value)
        return {
          page: document.documentElement.outerHTML + values.join('\n'),
          address: String(location.href),
          storage: JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie,
        }
      })
      for (const [name, text] of Object.entries(state as Record<string, string>)) {
        if (text.includes(secret)) places.push(name)
      }
      for (const { url: from, text } of bodies) if (text.includes(secret)) places.push(`answer of ${from}`)
      return places
    },
    async runAxe() {
      // Run by the debugger, which the page's policy does not bind.
      await page.evaluate(axe)
      const breaches = (await page.evaluate(() => (globalThis as Sdk).cspBreaches)) as string[]
      const { violations } = await page.evaluate(() =>
        (globalThis as Sdk).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
      )
      return [
        ...breaches.map((breach) => `csp: ${breach}`),
        ...violations.flatMap((one: Sdk) => one.nodes.map((node: Sdk) => `${one.id}: ${node.html.slice(0, 160)}`)),
      ]
    },
    scrollsSideways: () =>
      page.evaluate(() => {
        const { documentElement } = (globalThis as Sdk).document
        return documentElement.scrollWidth > documentElement.clientWidth
      }),
    close: () => context.close(),
  }
}
