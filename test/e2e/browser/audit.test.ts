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
    await suite.expectClean()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    const csv = await suite.saveFile('Save as CSV')
    expect(csv.split('\r\n')[0]).toMatch(/^sequence,id,at,/)
    expect(csv.trimEnd().split('\r\n')).toHaveLength(2)
    expect(csv).not.toContain(key)
    await suite.expectClean()
  })
})
