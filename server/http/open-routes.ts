// The addresses that need no account: is it alive, is it ready, what can it do, the dashboard's pages, and the plain
// pages that stand in where the dashboard is not built. Metrics are not open: they want METRICS_TOKEN, or come from
// this machine itself.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { openAnswers } from '../../contract/open.ts'
import { GatewayError } from '../kernel/errors.ts'
import { PACKAGE_ROOT } from '../kernel/package-root.ts'
import { type Dashboard, DASHBOARD_PAGES } from './dashboard.ts'
import { renderDocsPage, renderPage } from './docs-page.ts'
import { describeRoutes } from './openapi.ts'
import {
  type ControlReply,
  type ControlRequest,
  type ControlRoute,
  defineControlRoute,
  type RequestHeaders,
  type Route,
} from './route.ts'

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
  /** Without one, plain pages stand in. */
  readonly dashboard?: Dashboard
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

function createPages(options: OpenRoutesOptions): ControlRoute[] {
  const files = Object.entries(STATIC_FILES).map(([name, type]) => createStaticRoute(name, type))
  const { dashboard, readSetup } = options
  const pages = (['/', ...DASHBOARD_PAGES] as const).map((path) =>
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path,
      summary: 'A page of the dashboard.',
      answers: {
        200: { description: 'An HTML page.' },
        404: { description: 'Not asked for as a page, or set-up is switched off.' },
      },
      async handle(request) {
        if (!takesHtml(request.headers)) throw new GatewayError('not_found')
        if (path === '/setup' && (await readSetup()) === 'off') {
          throw new GatewayError('not_found', { message: SETUP_OFF })
        }
        const page = dashboard?.readPage(basePath(request, options.publicUrl()), request.headers)
        return page ?? sendPage(await renderPlainPage(path, options))
      },
    }),
  )
  return [...files, ...pages, createAssetRoute(dashboard)]
}

function createAssetRoute(dashboard: Dashboard | undefined): ControlRoute {
  return defineControlRoute({
    ...OPEN,
    method: 'GET',
    path: '/assets/*file',
    summary: 'A file of the dashboard, under a name that changes with it.',
    params: z.strictObject({ file: z.string().max(200) }),
    answers: { 200: { description: 'The file.' }, 404: { description: 'No such file in this build.' } },
    async handle({ params, headers }) {
      const reply = await dashboard?.readAsset(params.file, headers)
      if (!reply) throw new GatewayError('not_found')
      return reply
    },
  })
}

/** Where the dashboard is reached: under what a proxy says, else under the path of PUBLIC_URL. */
function basePath({ prefix }: ControlRequest, publicUrl: string): string {
  const own = prefix === '' && URL.canParse(publicUrl) ? new URL(publicUrl).pathname : prefix
  return own.endsWith('/') ? own : `${own}/`
}

/** A browser on its way to a page says so; a program that asks for JSON at a page's address is told there is none. */
function takesHtml(headers: RequestHeaders): boolean {
  const { accept } = headers
  return accept === undefined || /text\/html|\*\/\*/.test(accept)
}

/** What stands in where the dashboard is not built. */
async function renderPlainPage(path: string, { readSetup, version }: OpenRoutesOptions): Promise<string> {
  const setup = await readSetup()
  if (path === '/setup') return setup === 'needed' ? SETUP_PAGE : SETUP_DONE_PAGE
  const offer =
    setup === 'needed' ? '<p><a href="setup">Set up UniRoute</a>: create the first administrator.</p>\n' : ''
  // Pages that lie deeper would ask for the style sheet below themselves.
  const base = path.split('/').length > 2 ? '<base href="../">\n' : ''
  return renderPage({
    title: 'UniRoute',
    head: base,
    main: `<h1>UniRoute</h1>
<p>The gateway is running (version ${version}). Its dashboard is not built: run <code>npm start</code>, which builds it. Until then everything works through the API.</p>
${offer}<p><a href="docs">Read the API</a></p>`,
  })
}

function createStaticRoute(name: string, type: string): ControlRoute {
  const text = readFileSync(new URL(`server/http/static/${name}`, PACKAGE_ROOT), 'utf8')
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
