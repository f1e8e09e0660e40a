// Whoever leaves something unsaved is asked first, by whatever way they leave: Escape, the backdrop, a link, a tab of
// the page, the way back, closing the browser's tab, signing out. Cancel restores, and what is saved or untouched asks
// nothing.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'

describeDashboard('unsaved', (suite) => {
  const { choose, dialog, expectClean, heading, newKey, press, sees, signIn } = suite
  const ASKS = 'What you have written here is not saved.'
  const question = () => suite.page.getByRole('dialog', { name: 'Leave without saving?' })
  const link = (name: string) => suite.page.getByRole('link', { name, exact: true }).first()

  test('a key’s form in a dialog, an API key’s in a sheet: Escape and the backdrop ask, Cancel and Save do not', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey(), { label: 'Work account' })
    await signIn('/settings/provider-keys', 'Provider keys')
    const name = () => dialog().getByLabel('Name', { exact: true })
    await choose('Work account', 'Name, limits, fallback')
    await name().waitFor()
    await suite.page.keyboard.press('Escape')
    await dialog().waitFor({ state: 'detached' })

    await choose('Work account', 'Name, limits, fallback')
    await name().fill('Half a name')
    for (const leave of [
      () => suite.page.keyboard.press('Escape'),
      // Once more is no answer either.
      () => suite.page.keyboard.press('Escape'),
      () => suite.page.mouse.click(5, 5),
    ]) {
      await leave()
      await sees(ASKS)
      expect(await name().inputValue()).toBe('Half a name')
    }
    await expectClean()
    await press('Go on writing')
    expect(await suite.page.getByText(ASKS).count()).toBe(0)
    // What is read again meanwhile leaves the draft alone.
    await suite.page.evaluate(() => (globalThis as any).window.dispatchEvent(new Event('visibilitychange')))
    expect(await name().inputValue()).toBe('Half a name')
    await press('Cancel')
    await dialog().waitFor({ state: 'detached' })
    await choose('Work account', 'Name, limits, fallback')
    expect(await name().inputValue()).toBe('Work account')
    await name().fill('Half a name')
    // Out of the page, from under the dialog, as a shortcut or the way back leads.
    await suite.page
      .locator('nav a', { hasText: 'API keys' })
      .first()
      .evaluate((one: any) => one.click())
    await question().waitFor()
    expect(await suite.readFocus()).toBe('Stay here')
    await expectClean()
    await press('Stay here')
    expect(await name().inputValue()).toBe('Half a name')
    await suite.page.keyboard.press('Escape')
    await press('Discard it')
    await dialog().waitFor({ state: 'detached' })
    await sees('Work account')

    await link('API keys').click()
    await heading('API keys')
    await press('Create API key')
    await dialog().getByLabel('Name', { exact: true }).fill('bot')
    await suite.page.keyboard.press('Escape')
    await sees(ASKS)
    await expectClean()
    await press('Discard it')
    await dialog().waitFor({ state: 'detached' })
    await link('Routing').click()
    await heading('Routing')
    await expectClean()
  })

  test('pages: a link, a tab, the way back, closing and signing out ask; staying keeps the draft, saving ends it', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey(), { label: 'Work account' })
    await signIn('/settings/profile', 'Profile and security', { expect: /401/ })
    const { page } = suite
    await page.getByLabel('Name', { exact: true }).fill('Ada')
    await link('Overview').click()
    await question().waitFor()
    await expectClean()
    await page.keyboard.press('Escape')
    await question().waitFor({ state: 'detached' })
    expect(new URL(page.url()).pathname).toBe('/settings/profile')
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Ada')
    await press('Sign out')
    await press('Stay here')
    const asked: string[] = []
    page.on('dialog', (one: any) => (asked.push(one.type()), one.dismiss()))
    await page.close({ runBeforeUnload: true })
    await expect.poll(() => asked).toEqual(['beforeunload'])
    await page.getByRole('button', { name: 'Save', exact: true }).first().click()
    await sees('✓ Saved')
    await link('Routing').click()
    await heading('Routing')

    await page.getByRole('tab', { name: 'Models' }).click()
    const choices = page.getByRole('radio')
    await choices.nth(1).check()
    await page.getByRole('tab', { name: 'Key order' }).click()
    await question().waitFor()
    await press('Stay here')
    expect(await choices.nth(1).isChecked()).toBe(true)
    await page.goBack()
    await question().waitFor()
    await expectClean()
    await press('Stay here')
    expect(await choices.nth(1).isChecked()).toBe(true)
    await press('Cancel')
    expect(await choices.nth(1).isChecked()).toBe(false)
    await choices.nth(1).check()
    await page.goBack()
    await press('Leave')
    await expect.poll(() => new URL(page.url()).pathname).toBe('/settings/profile')
    await page.getByLabel('Name', { exact: true }).waitFor()
    // Nothing is written here now.
    await link('Playground').click()
    await heading('Playground')
    await page.getByLabel('Message').fill('A long question')
    await expectClean()
    await press('Sign out')
    await press('Leave')
    await heading('Sign in')
    expect(asked).toEqual(['beforeunload'])
  })
})
