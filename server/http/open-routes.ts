// The addresses that need no account: is it alive, is it ready, what can it do, and the plain pages that stand in until
// the dashboard does. Metrics are not open: they want METRICS_TOKEN, or come from this machine itself.
import { readFileSync } from 'node:fs'
import { openAnswers } from '../../contract/open.ts'
import { GatewayError } from '../kernel/errors.ts'
import { renderDocsPage, renderPage } from './docs-page.ts'
import { describeRoutes } from './openapi.ts'
import { type ControlReply, type ControlRoute, defineControlRoute, type Route } from './route.ts'

export interface OpenRoutesOptions {
  readonly version: string
  readonly publicUrl: () => string
  /** The whole table, these routes included; asked for on first use. */
  readonly routes: () => readonly Route[]
  /** Can requests be served now? Reasons name what is missing. */
  readonly checkReady: () => Promise<{ ready: boolean; reasons: readonly string[] }>
  readonly isDraining: () => boolean
  /** off: the administrator comes from the environment; done: there is one already. */
  readonly readSetup: () => Promise<'off' | 'needed' | 'done'>
  /** The metrics registry in its text format. */
  readonly readMetrics: () => Promise<{ contentType: string; text: string }>
}

const OPEN = { credential: 'none', bodyCap: 0, rateClass: 'open' } as const
const HTML = 'text/html; charset=utf-8'
const STATIC_FILES = {
  'page.css': 'text/css; charset=utf-8',
  'setup.js': 'text/javascript; charset=utf-8',
} as const

export function createOpenRoutes(options: OpenRoutesOptions): ControlRoute[] {
  return [...createProbes(options), ...createDescriptions(options), ...createPages(options)]
}

function createProbes({ checkReady, isDraining, readMetrics }: OpenRoutesOptions): ControlRoute[] {
  return [
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/health',
      summary: 'Is the process alive?',
      answers: { 200: { description: 'Yes.', schema: openAnswers.health } },
      handle: async () => ({ status: 200, body: { status: 'ok' } }),
    }),
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/ready',
      summary: 'Can it serve requests now? A load balancer asks this.',
      answers: {
        200: { description: 'Yes.', schema: openAnswers.ready },
        503: { description: 'Not now; the reasons are listed.', schema: openAnswers.ready },
      },
      handle: async () => {
        const { ready, reasons } = isDraining() ? { ready: false, reasons: ['draining'] } : await checkReady()
        return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not ready', reasons } }
      },
    }),
    defineControlRoute({
      method: 'GET',
      path: '/metrics',
      credential: 'metrics',
      bodyCap: 0,
      rateClass: 'open',
      summary: 'Counters in Prometheus text format.',
      answers: {
        200: { description: 'The counters.' },
        403: { description: 'From elsewhere, and no METRICS_TOKEN is set.' },
      },
      handle: async () => {
        const { contentType, text } = await readMetrics()
        return { status: 200, headers: { 'content-type': contentType }, text }
      },
    }),
  ]
}

function createDescriptions({ version, publicUrl, routes }: OpenRoutesOptions): ControlRoute[] {
  const describe = (): ReturnType<typeof describeRoutes> =>
    describeRoutes(routes(), { version, publicUrl: publicUrl() })
  let json: string | undefined
  let page: string | undefined
  return [
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/openapi.json',
      summary: 'This description, as OpenAPI 3.1.',
      answers: { 200: { description: 'The document.' } },
      handle: async () => {
        json ??= JSON.stringify(describe())
        return { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, text: json }
      },
    }),
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/docs',
      summary: 'This description, to read.',
      answers: { 200: { description: 'An HTML page.' } },
      handle: async () => sendPage((page ??= renderDocsPage(describe()))),
    }),
  ]
}

function createPages({ readSetup, version }: OpenRoutesOptions): ControlRoute[] {
  const files = Object.entries(STATIC_FILES).map(([name, type]) => createStaticRoute(name, type))
  return [
    ...files,
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/',
      summary: 'A plain page with links.',
      answers: { 200: { description: 'An HTML page.' } },
      handle: async () => {
        const setup =
          (await readSetup()) === 'needed'
            ? '<p><a href="setup">Set up UniRoute</a>: create the first administrator.</p>'
            : ''
        return sendPage(
          renderPage({
            title: 'UniRoute',
            main: `<h1>UniRoute</h1>
<p>The gateway is running (version ${version}). Its dashboard is coming; until then everything works through the API.</p>
${setup}<p><a href="docs">Read the API</a></p>`,
          }),
        )
      },
    }),
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/setup',
      summary: 'The form that creates the first administrator.',
      answers: {
        200: { description: 'An HTML page: the form, or that set-up is done already.' },
        404: { description: 'The administrator comes from the environment.' },
      },
      handle: async () => {
        const setup = await readSetup()
        if (setup === 'off') throw new GatewayError('not_found', { message: SETUP_OFF })
        return sendPage(setup === 'needed' ? SETUP_PAGE : SETUP_DONE_PAGE)
      },
    }),
  ]
}

function createStaticRoute(name: string, type: string): ControlRoute {
  const text = readFileSync(new URL(`./static/${name}`, import.meta.url), 'utf8')
  return defineControlRoute({
    ...OPEN,
    method: 'GET',
    path: `/static/${name}`,
    summary: `A file of the plain pages: ${name}.`,
    answers: { 200: { description: 'The file.' } },
    handle: async () => ({ status: 200, headers: { 'content-type': type, 'cache-control': 'no-cache' }, text }),
  })
}

function sendPage(text: string): ControlReply {
  return { status: 200, headers: { 'content-type': HTML }, text }
}

const SETUP_OFF =
  'Set-up is switched off: the administrator comes from UNIROUTE_ADMIN_EMAIL and UNIROUTE_ADMIN_PASSWORD.'

const SETUP_DONE_PAGE = renderPage({
  title: 'Set up UniRoute',
  main: `<h1>Set up UniRoute</h1>
<p>Set-up is done already: an administrator exists. Sign in instead, with <code>POST /auth/login</code>.</p>
<p><a href="docs">Read the API</a></p>`,
})

const SETUP_PAGE = renderPage({
  title: 'Set up UniRoute',
  head: '<script type="module" src="static/setup.js"></script>\n',
  main: `<h1>Set up UniRoute</h1>
<p>Create the first administrator. The link printed at the start of the server carries the set-up code; it works once, for an hour.</p>
<noscript><p>This form needs JavaScript. Without it, send
<code>POST /auth/setup</code> with <code>{"code", "email", "password", "name"}</code>.</p></noscript>
<form method="post" autocomplete="off">
<label>Set-up code <input name="code" required autocomplete="off" spellcheck="false"></label>
<label>E-mail <input name="email" type="email" required autocomplete="username"></label>
<label>Name (optional) <input name="name" autocomplete="name"></label>
<label>Password, at least 15 characters <input name="password" type="password" required minlength="15" autocomplete="new-password"></label>
<button>Create administrator</button>
</form>
<p role="status" aria-live="polite"></p>`,
})
