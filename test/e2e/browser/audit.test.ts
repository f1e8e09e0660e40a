// The audit log in a real browser: read, filtered, opened, saved. After every step the page is clean.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { browserInstalled, dashboardBuilt } from '../../support/browser.ts'
import { type Journey, openJourney } from '../../support/journey.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun
  ? 'the audit log'
  : 'the audit log: run `npm test`, which installs the browser and builds the dashboard'

describe.skipIf(!canRun)(name, () => {
  let journey: Journey
  beforeAll(async () => {
    journey = await openJourney((path) => readFileSync(path, 'utf8'))
  })
  afterEach(() => journey?.stop())
  afterAll(() => journey?.close())

  test.each([
    { width: 1280, height: 900, theme: 'light' },
    { width: 320, height: 700, theme: 'dark' },
  ] as const)('who did what, at $width px: filtered in the address, opened whole, saved complete', async (options) => {
    const uniroute = await journey.start()
    const token = await uniroute.login()
    const key = createFakeKey('openai', 'ok')
    journey.secrets.push(key)
    await uniroute.addProviderKey(token, 'openai', key, { label: 'Work' })
    await uniroute.createApiKey(token, { name: 'billing-bot' })
    await journey.signIn('/audit', 'Audit log', options)
    const { page } = journey.tab
    await journey.sees('key.added')
    await journey.sees('api-key.created')
    await journey.expectClean()
    if (options.width < 768) await journey.press('Filters')
    await page.getByLabel('What', { exact: true }).selectOption('key.')
    await expect.poll(() => page.getByRole('table').locator('tbody tr').count()).toBe(1)
    expect(page.url()).toContain('action=key.')
    await page.getByRole('table').locator('tbody tr').getByRole('button').click()
    await page
      .getByRole('dialog')
      .getByText(/of the chain/)
      .waitFor()
    await journey.expectClean()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    const csv = await journey.saveFile('Save as CSV')
    expect(csv.split('\r\n')[0]).toMatch(/^sequence,id,at,/)
    expect(csv.trimEnd().split('\r\n')).toHaveLength(2)
    expect(csv).not.toContain(key)
    await journey.expectClean()
  })
})
