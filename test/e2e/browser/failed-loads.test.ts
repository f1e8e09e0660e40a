// Whatever a page reads may fail. Each of its calls is made to fail once: the page says so where it happened, with the
// id of the call, and Try again brings what was missing.
import { expect, test } from 'vitest'
import { PAGES, waitUntilSettled } from '../../support/dashboard-pages.ts'
import { type DashboardSuite, describeDashboard } from '../../support/dashboard-suite.ts'
import { liveIn } from '../../support/lived-in.ts'

/** For what comes at once on a machine that has nothing else to do. */
const PATIENCE_MS = 20_000
/** That tell of one call that failed. */
const MOST_BLOCKS = 5
const REQUEST_ID = 'req_01J8ZZZZZZZZZZZZZZZZZZZZZZ'

/** What a page stands without, and what it shows then. */
const STANDS_WITHOUT: readonly (readonly [call: RegExp, page: RegExp, instead: string])[] = [
  [/\/auth\/options$/, /^\/join/, 'the address is that of the session; what may be registered is nobody’s need there'],
]

/** What is still there is found out by counting. */
function ignoreGone(error: Error): void {
  if (!/Timeout|not attached|detached/i.test(error.message)) throw error
}

/**
 * In `npm run test:nightly` each tab of a page by itself; else what several tabs of a page ask fails at the first of
 * them.
 */
const EVERY_TAB = process.env['WHOLE_TABLES'] === 'yes'

const tell = (suite: DashboardSuite): void => {
  test(
    'each call of each page: told where it happened, with its id, and Try again brings it',
    { timeout: 900_000 },
    async () => {
      await suite.start({
        serverKeys: { openai: suite.newKey('operator'), google: suite.newKey('operator', 'google') },
      })
      await liveIn(suite.uniroute, suite.fake)
      const { page } = await suite.signIn('/', 'Overview', { expect: /40[0-9]|503|ApiError/ })
      const wrong: string[] = []
      const done = new Set<string>()
      let failing: string | null = null
      const calls = new Set<string>()
      await page.route(/\/(?:admin|auth)\//, (route: any) => {
        const request = route.request()
        const { pathname } = new URL(request.url())
        // The stream of events comes again by itself.
        if (request.method() !== 'GET' || pathname.endsWith('/events')) return route.fallback()
        calls.add(pathname)
        if (pathname !== failing) return route.fallback()
        return route.fulfill({
          status: 503,
          headers: { 'x-request-id': REQUEST_ID },
          json: { error: 'This could not be read just now.', code: 'storage_unavailable' },
        })
      })
      const told = page.getByRole('alert').filter({ hasText: REQUEST_ID })
      for (const path of PAGES) {
        failing = null
        // The page before may ask until it is left, and what it asks is not this one's.
        await page.goto('about:blank')
        calls.clear()
        await page.goto(`${suite.uniroute.url}${path}`)
        await waitUntilSettled(suite.tab)
        const place = EVERY_TAB ? path : path.split(/[?#]/)[0]
        const asked = [...calls]
        for (const call of asked) {
          if (done.has(`${place} ${call}`)) continue
          done.add(`${place} ${call}`)
          if (STANDS_WITHOUT.some(([one, where]) => one.test(call) && where.test(path))) continue
          failing = call
          await page.goto(`${suite.uniroute.url}${path}`)
          const isTold = await told
            .first()
            .waitFor({ timeout: PATIENCE_MS })
            .then(
              () => true,
              () => false,
            )
          failing = null
          if (!isTold) {
            wrong.push(`${path}: ${call} fails in silence`)
            continue
          }
          // Where several say so, each brings its own part; what opens late over the page says it again there.
          let isBack = false
          for (let tries = 0; tries < MOST_BLOCKS && !isBack; tries++) {
            const [block] = await told.elementHandles()
            const button = await block?.$('button:has-text("Try again")')
            // It goes by itself where another part has brought the same.
            if (await block?.isVisible()) await button?.click({ timeout: PATIENCE_MS }).catch(ignoreGone)
            await block?.waitForElementState('hidden', { timeout: PATIENCE_MS }).catch(ignoreGone)
            isBack = (await told.count()) === 0
          }
          if (!isBack) wrong.push(`${path}: ${call} is not brought by Try again`)
        }
      }
      expect(wrong).toEqual([])
    },
  )
}

describeDashboard('failed loads', tell, { lookedAtIn: 'every-page.test.ts' })
