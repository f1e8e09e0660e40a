// Nothing moves under the hand while a page comes: answers and later parts of the page are let through one by one, in
// the order that is farthest from the usual one, so that the load of the machine has no say.
import { expect, test } from 'vitest'
import type { Watched } from '../../support/browser.ts'
import { OPEN_PAGES, PAGES, readShift, waitUntilSettled } from '../../support/dashboard-pages.ts'
import { type DashboardSuite, describeDashboard } from '../../support/dashboard-suite.ts'
import { liveIn } from '../../support/lived-in.ts'
import { letThroughOneByOne } from '../../support/one-by-one.ts'

/** Of the page's height and width, summed over all that moves (cumulative layout shift). */
const MOST_SHIFT = 0.02
/** Of the API, for one view. */
const MOST_CALLS = 3

const tell = (suite: DashboardSuite): void => {
  test.each([['the last asked first', 375]] as const)(
    'answers one by one, %s, at %d px',
    { timeout: 900_000 },
    async (order, width) => {
      await suite.start({
        serverKeys: { openai: suite.newKey('operator'), google: suite.newKey('operator', 'google') },
      })
      await liveIn(suite.uniroute, suite.fake)
      const tab = await suite.open('/sign-in', { width, expect: /40[0-9]|ApiError/ })
      const moved: string[] = []
      const chatty: string[] = []
      const visit = async (path: string): Promise<void> => {
        const gate = await letThroughOneByOne(tab, order === 'the last asked first')
        try {
          await tab.page.goto(`${suite.uniroute.url}${path}`, { waitUntil: 'commit' })
          await gate.letThrough()
          await waitUntilSettled(tab)
        } finally {
          await gate.open()
        }
        const shift = await readShift(tab)
        if (shift > MOST_SHIFT) moved.push(`${path}: ${shift.toFixed(3)}, ${await nameMoved(tab)}`)
        if (gate.calls.length > MOST_CALLS) chatty.push(`${path}: ${gate.calls.join(', ')}`)
      }
      for (const path of OPEN_PAGES) await visit(path)
      await tab.page.goto(`${suite.uniroute.url}/sign-in`)
      await suite.enter()
      await suite.heading('Overview')
      for (const path of PAGES) await visit(path)
      expect(moved).toEqual([])
      expect(chatty).toEqual([])
    },
  )

  test('what the page before still asks for holds nothing of the page that comes', async () => {
    await suite.start()
    const tab = await suite.signIn('/', 'Overview', { width: 375, expect: /401|ApiError/ })
    const gate = await letThroughOneByOne(tab, true)
    await tab.page.evaluate(() => void (globalThis as any).fetch('admin/requests'))
    await tab.page.goto(`${suite.uniroute.url}/`, { waitUntil: 'commit' })
    await gate.letThrough()
    await waitUntilSettled(tab)
    await gate.open()
    expect(gate.calls.length).toBeGreaterThan(0)
    expect(gate.calls).not.toContain('GET /admin/requests')
  })

  test('a page that does move is found out', async () => {
    await suite.start()
    const tab = await suite.open('/sign-in')
    await waitUntilSettled(tab)
    expect(await readShift(tab)).toBeLessThanOrEqual(MOST_SHIFT)
    await tab.page.evaluate(() => {
      const { document } = globalThis as any
      const late = document.createElement('div')
      late.append('\u00a0')
      late.style.blockSize = '200px'
      document.body.prepend(late)
    })
    await waitUntilSettled(tab)
    expect(await readShift(tab)).toBeGreaterThan(MOST_SHIFT)
  })
}

describeDashboard('layout shift', tell, { lookedAtIn: 'every-page.test.ts' })

async function nameMoved({ page }: Watched): Promise<string> {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const observer = new (globalThis as any).PerformanceObserver((list: any) => {
          observer.disconnect()
          resolve(
            list
              .getEntries()
              .map((entry: any) =>
                entry.sources
                  .map(({ node, previousRect: a, currentRect: b }: any) => {
                    const element = node?.nodeType === 1 ? node : node?.parentElement
                    return `${element?.tagName} "${element?.textContent?.trim().slice(0, 30)}" ${a.top | 0}+${a.height | 0}→${b.top | 0}+${b.height | 0}`
                  })
                  .join('; '),
              )
              .join(' | '),
          )
        })
        observer.observe({ type: 'layout-shift', buffered: true })
      }),
  )
}
