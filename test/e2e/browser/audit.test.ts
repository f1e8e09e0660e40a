// The audit log in a real browser: read, filtered, opened, saved. After every step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'

describeDashboard('the audit log', (suite) => {
  test.each([
    { width: 1280, height: 900, theme: 'light' },
    { width: 320, height: 700, theme: 'dark' },
  ] as const)('who did what, at $width px: filtered in the address, opened whole, saved complete', async (options) => {
    const token = await suite.start()
    const key = suite.newKey()
    await suite.uniroute.addProviderKey(token, 'openai', key, { label: 'Work' })
    await suite.uniroute.createApiKey(token, { name: 'billing-bot' })
    await suite.signIn('/audit', 'Audit log', options)
    const { page } = suite.tab
    await suite.sees('key.added')
    await suite.sees('api-key.created')
    await suite.expectClean()
    if (options.width < 768) await suite.press('Filters')
    await page.getByLabel('What', { exact: true }).selectOption('key.')
    await expect.poll(() => page.getByRole('table').locator('tbody tr').count()).toBe(1)
    expect(page.url()).toContain('action=key.')
    await page.getByRole('table').locator('tbody tr').getByRole('button').click()
    await page
      .getByRole('dialog')
      .getByText(/of the chain/)
      .waitFor()
    expect(await page.getByRole('dialog').innerText()).toMatch(/provider_key \S/)
    await suite.expectClean()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    const csv = await suite.saveFile('Save as CSV')
    expect(csv.split('\r\n')[0]).toMatch(/^sequence,id,at,/)
    expect(csv.trimEnd().split('\r\n')).toHaveLength(2)
    expect(csv).not.toContain(key)
    await suite.expectClean()
  })

  test('days are those of the time zone that was chosen to read in, there and on the overview', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work' })
    const asked: URL[] = []
    const before = async (page: any): Promise<void> => {
      page.on('request', (request: any) => asked.push(new URL(request.url())))
      await page.addInitScript(() =>
        (globalThis as any).localStorage.setItem(
          'uniroute-reading',
          JSON.stringify({ timeZone: 'Asia/Tokyo', density: 'comfortable' }),
        ),
      )
    }
    const last = (path: string): URLSearchParams => asked.findLast(({ pathname }) => pathname === path)!.searchParams
    await suite.signIn('/', 'Overview', { before })
    expect(last('/admin/overview').get('time_zone')).toBe('Asia/Tokyo')
    await suite.expectClean()
    await suite.page.goto(`${suite.uniroute.url}/audit?from=2026-07-01&to=2026-07-02`)
    await suite.heading('Audit log')
    await suite.sees('No entry fits these filters.')
    expect(last('/admin/audit').get('from')).toBe('2026-06-30T15:00:00.000Z')
    expect(last('/admin/audit').get('to')).toBe('2026-07-02T15:00:00.000Z')
    await suite.page.goto(`${suite.uniroute.url}/audit?from=never`)
    await suite.sees('key.added')
    await suite.expectClean()
  })
})
