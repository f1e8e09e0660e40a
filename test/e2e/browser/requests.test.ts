// The log of requests in a real browser: live while somebody looks, still while they read, one of them whole in a drawer,
// filters in the address, one call for a page. After every step the page is clean.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { browserInstalled, dashboardBuilt } from '../../support/browser.ts'
import { ask, CHAT_DIALECTS } from '../../support/dialects.ts'
import { type Journey, openJourney } from '../../support/journey.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun ? 'requests' : 'requests: run `npm test`, which installs the browser and builds the dashboard'

describe.skipIf(!canRun)(name, () => {
  let journey: Journey
  let apiKey: string
  beforeAll(async () => {
    journey = await openJourney((path) => readFileSync(path, 'utf8'))
  })
  afterEach(() => journey?.stop())
  afterAll(() => journey?.close())

  async function begin(): Promise<void> {
    const uniroute = await journey.start({ serverKeys: { openai: createFakeKey('openai', 'ok') } })
    const token = await uniroute.login()
    const key = createFakeKey('openai', 'ok')
    await uniroute.addProviderKey(token, 'openai', key, { label: 'Work' })
    apiKey = (await uniroute.createApiKey(token, { name: 'billing-bot' })).key
    journey.secrets.push(key, apiKey)
  }
  const request = (): Promise<unknown> => ask(journey.uniroute, CHAT_DIALECTS[0]!, apiKey)
  const rows = (): any => journey.tab.page.getByRole('table', { name: 'Requests' }).locator('tbody tr')
  const count = async (expected: number): Promise<void> =>
    void (await expect.poll(() => rows().count(), { timeout: 30_000 }).toBe(expected))

  test('live: a request appears when it ends, opens with its way, and the log is asked once', async () => {
    await begin()
    await request()
    await journey.signIn('/requests', 'Requests')
    const { page } = journey.tab
    await count(1)
    const calls: string[] = []
    page.on('request', (one: any) => /\/admin\/requests/.test(one.url()) && calls.push(one.url()))
    await page.reload()
    await count(1)
    expect(calls).toHaveLength(1)
    await journey.expectClean()

    await page.getByRole('switch', { name: 'Live' }).click()
    await journey.sees('New requests appear as they end.')
    expect(page.url()).toContain('live=on')
    await request()
    await count(2)
    await journey.expectClean()

    await rows().first().getByRole('button').click()
    await page.getByRole('dialog').getByText('Your key, Work').waitFor()
    await page.getByRole('dialog').getByText('billing-bot').waitFor()
    expect(page.url()).toContain('request=req_')
    await journey.expectClean()
    await page.reload()
    await page.getByRole('dialog').getByText('Your key, Work').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(page.url()).not.toContain('request=')
  })

  test('nothing moves under a reader: what comes is counted and waits', async () => {
    await begin()
    for (let i = 0; i < 12; i++) await request()
    await journey.signIn('/requests?live=on', 'Requests', { width: 375, height: 700 })
    const { page } = journey.tab
    await journey.sees('New requests appear as they end.')
    await count(12)
    await page.evaluate(() => (globalThis as any).scrollTo(0, 1200))
    await request()
    await journey.press('1 new request')
    await count(13)
    expect(await page.evaluate(() => (globalThis as any).scrollY)).toBe(0)
    await journey.expectClean()
  })

  test('filters stay in the address, and say when nothing fits; at 320 px, in the dark, everything fits', async () => {
    await begin()
    await request()
    await journey.signIn('/requests', 'Requests', { width: 320, height: 700, theme: 'dark' })
    const { page } = journey.tab
    await count(1)
    await journey.expectClean()
    await journey.press('Filters')
    await page.getByLabel('Status').selectOption('error')
    await journey.sees('No request fits these filters.')
    expect(page.url()).toContain('status=error')
    await journey.expectClean()
    await page.reload()
    await journey.sees('No request fits these filters.')
    await journey.press('Clear filters')
    await count(1)
    await rows().first().getByRole('button').click()
    await page.getByRole('dialog').getByText('Your key, Work').waitFor()
    await journey.expectClean()
  })
})
