// The built dashboard as it is served: the page with what only the server knows, assets for ever, and nothing outside.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startTestHttp, type TestHttp } from '../../test/support/http-server.ts'
import { createDashboard, DASHBOARD_PAGES } from './dashboard.ts'
import { createOpenRoutes } from './open-routes.ts'

const folder = mkdtempSync(join(tmpdir(), 'uniroute-dashboard-'))
const PAGE = '<!doctype html><html lang="en"><head><base href="/"><script src="./assets/a-1.js"></script></head></html>'
let setup: 'off' | 'needed' | 'done' = 'done'
let publicUrl = 'http://localhost:8084'
let server: TestHttp

function build(page = PAGE): void {
  mkdirSync(join(folder, 'assets'), { recursive: true })
  writeFileSync(join(folder, 'index.html'), page)
  writeFileSync(join(folder, 'assets', 'a-1.js'), 'export {}')
  writeFileSync(join(folder, 'assets', 'a-1.js.map'), 'never served')
  writeFileSync(join(folder, 'secret.txt'), 'outside')
}

beforeAll(async () => {
  const routes = createOpenRoutes({
    version: '1',
    publicUrl: () => publicUrl,
    routes: () => [],
    checkReady: async () => ({ ready: true, reasons: [] }),
    isDraining: () => false,
    readSetup: async () => setup,
    readMetrics: async () => ({ contentType: 'text/plain', text: '' }),
    dashboard: createDashboard(folder),
  })
  server = await startTestHttp({ routes, isTrustedProxy: (ip) => ip === '127.0.0.1' })
})
afterAll(async () => {
  await server.http.drain(0)
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  setup = 'done'
  publicUrl = 'http://localhost:8084'
  build()
})

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(server.url + path, { headers: { accept: 'text/html', ...headers } })

/** Without fetch, which would tidy the path up. */
function getRaw(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: server.port, path }, (answer) => {
      answer.resume()
      resolve(answer.statusCode!)
    })
      .on('error', reject)
      .end()
  })
}

describe('the page', () => {
  test('answers every address of a page, and deep ones, uncached and under a strict policy', async () => {
    for (const path of ['/', ...DASHBOARD_PAGES.map((one) => one.replace('*page', 'deep/er'))]) {
      const answer = await get(path)
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, PAGE])
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'self';/)
      expect(answer.headers.get('content-security-policy')).not.toContain('unsafe')
    }
  })

  test('is served at every address that the dashboard itself knows', () => {
    const source = readFileSync(new URL('../../web/src/routes.ts', import.meta.url), 'utf8')
    const known = [...source.matchAll(/\bpath: '(\/[^':]*)'/g)].map((match) => match[1]!)
    expect(known).toContain('/settings/provider-keys')
    const served = ['/', ...DASHBOARD_PAGES].map((page) => new RegExp(`^${page.replace('*page', '.+')}$`))
    expect(known.filter((path) => !served.some((one) => one.test(path)))).toEqual([])
    // And nothing is served that the dashboard does not know.
    expect(served.filter((one) => !known.some((path) => one.test(path)))).toEqual([])
  })

  test('is for browsers on their way to a page; programs hear that nothing is there', async () => {
    expect((await get('/settings/provider-keys', { accept: 'application/json' })).status).toBe(404)
    expect((await get('/nowhere')).status).toBe(404)
  })

  test('says where it lives: behind a trusted proxy’s prefix, else under the path of PUBLIC_URL', async () => {
    const base = async (headers: Record<string, string> = {}): Promise<string> =>
      /<base href="([^"]*)"/.exec(await (await get('/', headers)).text())![1]!
    expect(await base()).toBe('/')
    expect(await base({ 'x-forwarded-prefix': '/tools/uniroute/' })).toBe('/tools/uniroute/')
    for (const bad of ['"><script>', '//elsewhere.example', '/a/../b', 'relative']) {
      expect(await base({ 'x-forwarded-prefix': bad })).toBe('/')
    }
    publicUrl = 'https://example.com/uniroute'
    expect(await base()).toBe('/uniroute/')
  })

  test('carries the chosen colours, and nothing else out of a cookie', async () => {
    const text = async (cookie: string): Promise<string> => (await get('/', { cookie })).text()
    expect(await text('a=b; theme=dark')).toContain('<html lang="en" data-theme="dark">')
    expect(await text('theme=light')).toContain('data-theme="light"')
    expect(await text('theme="><script>')).toBe(PAGE)
    expect(await text('mytheme=dark')).toBe(PAGE)
  })

  test('is the new one after a new build', async () => {
    await get('/')
    writeFileSync(join(folder, 'index.html'), '<p>new')
    utimesSync(join(folder, 'index.html'), new Date(), new Date(Date.now() + 5_000))
    expect(await (await get('/')).text()).toBe('<p>new')
  })

  test('gives way to a plain one that says so where there is no build', async () => {
    rmSync(join(folder, 'index.html'))
    const html = await (await get('/settings/provider-keys')).text()
    expect(html).toContain('not built')
    expect(html).toContain('<base href="../">')
    setup = 'needed'
    expect(await (await get('/setup')).text()).toContain('<form')
  })

  test('of set-up is not there where the environment names the administrator', async () => {
    setup = 'off'
    expect((await get('/setup')).status).toBe(404)
  })
})

describe('assets', () => {
  test('are immutable, and compressed for whoever takes that', async () => {
    const plain = await get('/assets/a-1.js', { 'accept-encoding': 'identity' })
    expect([plain.status, await plain.text()]).toEqual([200, 'export {}'])
    expect(plain.headers.get('cache-control')).toContain('immutable')
    expect(plain.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    for (const accepted of ['br, gzip', 'gzip, br;q=0']) {
      const packed = await get('/assets/a-1.js', { 'accept-encoding': accepted })
      expect(packed.headers.get('content-encoding')).toBe(accepted.startsWith('br') ? 'br' : 'gzip')
      expect(await packed.text()).toBe('export {}')
    }
  })

  test('are those of the build’s own folder, and of the kinds a page needs', async () => {
    for (const path of ['a-1.js.map', 'none.js', '..%2fsecret.txt', '../secret.txt', '%2e%2e/secret.txt', '']) {
      expect([path, await getRaw(`/assets/${path}`)]).toEqual([path, expect.toBeOneOf([400, 404])])
    }
  })
})
