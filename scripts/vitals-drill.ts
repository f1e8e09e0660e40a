// `npm run drill:vitals -- [--rounds 5]`: how soon pages of the dashboard stand, how much moves while they come and how
// fast they answer to hands, in a real browser on a slow line (1.6 Mbps, 150 ms) with a quarter of the CPU. Prints the
// median of the rounds for each page, and fails where one is over its budget. Needs `npm run build:web` and an idle
// machine: timing is measured here and in no test.
import { parseArgs } from 'node:util'
import { startFakeProvider } from '../test/fake-provider/fake-provider.ts'
import { dashboardBuilt, launchBrowser, type Browser } from '../test/support/browser.ts'
import { readShift, waitUntilSettled } from '../test/support/dashboard-pages.ts'
import { liveIn } from '../test/support/lived-in.ts'
import { startUniRoute, type UniRoute } from '../test/support/uniroute-process.ts'

const MOST = { lcp: 1_500, shift: 0.02, inp: 150 } as const
/** Address, and what is pressed there, one after the other; each press is an interaction. */
const PAGES: readonly (readonly [path: string, presses: readonly string[]])[] = [
  ['/sign-in', []],
  ['/', ['header button >> nth=0']],
  ['/settings/provider-keys', ['main [aria-haspopup=menu] >> nth=0', 'body']],
  ['/settings/api-keys', ['main button >> nth=0']],
  ['/requests', ['tbody tr button >> nth=0']],
  ['/usage', []],
]

interface Vitals {
  readonly lcp: number
  readonly shift: number
  readonly inp: number | null
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const rounds = Number(values.rounds)

/** Kept by the page itself, from its first moment on. */
function keepFigures(): void {
  const page = globalThis as any
  page.figures = { lcp: 0, inp: null }
  new page.PerformanceObserver((list: any) => {
    for (const entry of list.getEntries()) page.figures.lcp = entry.startTime
  }).observe({ type: 'largest-contentful-paint', buffered: true })
  new page.PerformanceObserver((list: any) => {
    for (const entry of list.getEntries()) {
      if (entry.interactionId) page.figures.inp = Math.max(page.figures.inp ?? 0, entry.duration)
    }
  }).observe({ type: 'event', durationThreshold: 16, buffered: true })
}

async function measure(
  browser: Browser,
  uniroute: UniRoute,
  path: string,
  presses: readonly string[],
): Promise<Vitals> {
  const tab = await browser.open(`${uniroute.url}/sign-in`, { before: (page) => page.addInitScript(keepFigures) })
  const { page } = tab
  if (path !== '/sign-in') {
    await page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  }
  const line = await page.context().newCDPSession(page)
  await line.send('Network.enable')
  await line.send('Network.setCacheDisabled', { cacheDisabled: true })
  await line.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 150,
    downloadThroughput: 200_000,
    uploadThroughput: 200_000,
  })
  await line.send('Emulation.setCPUThrottlingRate', { rate: 4 })
  await page.goto(`${uniroute.url}${path}`)
  await waitUntilSettled(tab)
  const shift = await readShift(tab)
  const { lcp } = await page.evaluate(() => (globalThis as any).figures)
  for (const press of presses) {
    await page.locator(press).first().click()
    await page.waitForTimeout(300)
  }
  const { inp } = await page.evaluate(() => (globalThis as any).figures)
  await tab.close()
  return { lcp, shift, inp: presses.length > 0 ? (inp ?? 0) : null }
}

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!

async function main(): Promise<number> {
  if (!dashboardBuilt) throw new Error('The dashboard is not built: run `npm run build:web` first.')
  const fake = await startFakeProvider()
  const uniroute = await startUniRoute({ fake })
  const browser = await launchBrowser()
  let missed = 0
  try {
    await liveIn(uniroute, fake)
    for (const [path, presses] of PAGES) {
      const found: Vitals[] = []
      for (let round = 0; round < rounds; round++) found.push(await measure(browser, uniroute, path, presses))
      const lcp = median(found.map((one) => one.lcp))
      const shift = median(found.map((one) => one.shift))
      const inp = presses.length > 0 ? median(found.map((one) => one.inp ?? 0)) : null
      const isOver = lcp > MOST.lcp || shift > MOST.shift || (inp ?? 0) > MOST.inp
      if (isOver) missed++
      const figures = [
        `LCP ${Math.round(lcp)} ms`,
        `CLS ${shift.toFixed(3)}`,
        `INP ${inp === null ? '-' : `${inp} ms`}`,
      ]
      console.log(`${isOver ? 'MISSED' : 'kept  '} ${path.padEnd(26)} ${figures.join(', ')}`)
    }
  } finally {
    await browser.close()
    await uniroute.stop()
    uniroute.remove()
    await fake.close()
  }
  console.log(`Budgets: LCP ${MOST.lcp} ms, CLS ${MOST.shift}, INP ${MOST.inp} ms; medians of ${rounds}.`)
  return missed
}

process.exitCode = (await main()) > 0 ? 1 : 0
