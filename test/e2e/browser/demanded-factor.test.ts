// A second factor that an administrator demands, in a real browser: from the choice in the settings to the people it
// meets.
import { expect, test } from 'vitest'
import { codeAt } from '../../../server/features/accounts/totp.ts'
import { fromBase32 } from '../../support/base32.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'

describeDashboard('a second factor that is demanded', (suite) => {
  const { dialog, expectClean, press, sees, heading } = suite

  test('meets whoever has none at once, lets nothing else open, and is over when it is added', async () => {
    await suite.start()
    await suite.signIn('/operator/settings', 'Settings', { expect: /403/ })
    await suite.page.getByLabel('Two-step sign-in is required of').selectOption('everyone')
    await expectClean()
    await press('Save')
    // The administrator is the first whom it meets.
    await heading('Two-step sign-in is required')
    await expectClean()
    await suite.page.goto(`${suite.uniroute.url}/usage`)
    await heading('Two-step sign-in is required')
    expect(await suite.page.getByRole('navigation').count()).toBe(0)

    await press('Add an authenticator app')
    await dialog().getByLabel('Current password').fill(suite.uniroute.adminAccount.password)
    await dialog().getByRole('button', { name: 'Add an authenticator app' }).click()
    await sees('Setup key')
    const secret = suite.shownOnce((await dialog().locator('code').innerText()).replaceAll(' ', ''))
    await dialog()
      .getByLabel('Code', { exact: true })
      .fill(codeAt(fromBase32(secret), Math.floor(Date.now() / 30_000)))
    await press('Confirm')
    await sees('They are shown this once')
    for (const code of (await dialog().locator('code').innerText()).split('\n')) suite.shownOnce(code)
    await expectClean(suite.tab, { shows: true })
    await suite.page.keyboard.press('Escape')
    await press('I have stored it')
    await heading('Usage')
    await expectClean()
  })
})
