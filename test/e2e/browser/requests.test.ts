// The log of requests in a real browser: live while somebody looks, still while they read, one of them whole in a
// drawer, filters in the address, one call for a page. After every step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { ask, CHAT_DIALECTS } from '../../support/dialects.ts'

describeDashboard('requests', (suite) => {
  let apiKey: string

  async function begin(): Promise<void> {
    const token = await suite.start({ serverKeys: { openai: suite.newKey() } })
    await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work' })
    apiKey = (await suite.uniroute.createApiKey(token, { name: 'billing-bot' })).key
  }
  const request = (): Promise<unknown> => ask(suite.uniroute, CHAT_DIALECTS[0]!, apiKey)
  const rows = (): any => suite.page.getByRole('table', { name: 'Requests' }).locator('tbody tr')
  const count = async (expected: number): Promise<void> =>
    void (await expect.poll(() => rows().count(), { timeout: 30_000 }).toBe(expected))

  test('live: a request appears when it ends, opens with its way, and the log is asked once', async () => {
    await begin()
    await request()
    await suite.signIn('/requests', 'Requests')
    const { page } = suite.tab
    await count(1)
    const calls: string[] = []
    page.on('request', (one: any) => /\/admin\/requests/.test(one.url()) && calls.push(one.url()))
    await page.reload()
    await count(1)
    expect(calls).toHaveLength(1)
    await suite.expectClean()
    // A log has the whole width, and nothing else.
    const width = (): Promise<number> => page.locator('main').evaluate((main: any) => main.clientWidth)
    await page.setViewportSize({ width: 1900, height: 900 })
    expect(await width()).toBeGreaterThan(1600)
    await page.getByRole('link', { name: 'Usage', exact: true }).click()
    await suite.heading('Usage')
    expect(await width()).toBe(1160)
    await suite.expectClean()
    await page.goBack()
    await suite.heading('Requests')
    await page.setViewportSize({ width: 1280, height: 900 })
    await count(1)

    await page.getByRole('switch', { name: 'Live' }).click()
    await suite.sees('New requests appear as they end.')
    expect(page.url()).toContain('live=on')
    await request()
    await count(2)
    await suite.expectClean()

    await rows().first().getByRole('button').click()
    await page.getByRole('dialog').getByText('Your key, Work').waitFor()
    await page.getByRole('dialog').getByText('billing-bot').waitFor()
    expect(page.url()).toContain('request=req_')
    await suite.expectClean()
    await page.reload()
    await page.getByRole('dialog').getByText('Your key, Work').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(page.url()).not.toContain('request=')
  })

  test('nothing moves under a reader: what comes is counted and waits', async () => {
    await begin()
    for (let i = 0; i < 12; i++) await request()
    await suite.signIn('/requests?live=on', 'Requests', { width: 375, height: 700 })
    const { page } = suite.tab
    await suite.sees('New requests appear as they end.')
    await count(12)
    await page.evaluate(() => (globalThis as any).scrollTo(0, 1200))
    await request()
    await suite.press('1 new request')
    await count(13)
    expect(await page.evaluate(() => (globalThis as any).scrollY)).toBe(0)
    await suite.expectClean()
  })

  test('filters stay in the address, and say when nothing fits; at 320 px, in the dark, everything fits', async () => {
    await begin()
    await request()
    await suite.signIn('/requests', 'Requests', { width: 320, height: 700, theme: 'dark' })
    const { page } = suite.tab
    await count(1)
    await suite.expectClean()
    await suite.press('Filters')
    await page.getByLabel('Status').selectOption('error')
    await suite.sees('No request fits these filters.')
    expect(page.url()).toContain('status=error')
    await suite.expectClean()
    await page.reload()
    await suite.sees('No request fits these filters.')
    await suite.press('Clear filters')
    await count(1)
    await rows().first().getByRole('button').click()
    await page.getByRole('dialog').getByText('Your key, Work').waitFor()
    await suite.expectClean()
  })
})
