// Profile and security in a real browser: name, password, second factor, sessions, colours. After every step the page is
// clean.
import { expect, test } from 'vitest'
import { codeAt } from '../../../server/features/accounts/totp.ts'
import { createFakePassword } from '../../fake-provider/fake-keys.ts'
import { fromBase32 } from '../../support/base32.ts'
import { describeDashboard, type TabOptions } from '../../support/dashboard-suite.ts'

describeDashboard('the profile', (suite) => {
  const { dialog, expectClean, press, sees } = suite
  const signIn = (options: TabOptions = {}): Promise<unknown> =>
    suite.signIn('/settings/profile', 'Profile and security', options)

  test('a new name is told everywhere at once; a new password ends the other sessions, a wrong one changes nothing', async () => {
    await suite.start()
    await signIn({ expect: /403/ })
    await expectClean()
    await suite.page.getByLabel('Name', { exact: true }).fill('Mina')
    await press('Save')
    await sees('Saved')
    await suite.page.getByRole('link', { name: /Mina/ }).waitFor()
    await expectClean()

    const elsewhere = await suite.uniroute.login()
    const [wrong, next] = [createFakePassword(), createFakePassword()]
    await suite.page.getByLabel('Current password').fill(wrong)
    await suite.page.getByLabel('New password', { exact: true }).fill(next)
    await press('Change password')
    await sees('The current password is wrong.')
    expect((await suite.uniroute.call('GET', '/auth/profile', { token: elsewhere })).status).toBe(200)
    await suite.page.getByLabel('Current password').fill(suite.uniroute.adminAccount.password)
    await press('Change password')
    await sees('you are signed out everywhere else')
    expect((await suite.uniroute.call('GET', '/auth/profile', { token: elsewhere })).status).toBe(401)
    const { email } = suite.uniroute.adminAccount
    expect((await suite.uniroute.call('POST', '/auth/login', { body: { email, password: next } })).status).toBe(200)
    await suite.page.reload()
    await suite.page.getByRole('link', { name: /Mina/ }).waitFor()
    await suite.page.getByRole('heading', { name: 'Sessions' }).waitFor()
    await expectClean()
  })

  test('a second factor: added with an app, asked for at sign-in, recovery codes shown once, removed again', async () => {
    await suite.start()
    await signIn({ expect: /401|403/ })
    await press('Add an authenticator app')
    await dialog().getByLabel('Current password').fill(suite.uniroute.adminAccount.password)
    await expectClean()
    await dialog().getByRole('button', { name: 'Add an authenticator app' }).click()
    await sees('Setup key')
    await expectClean()
    const secret = suite.shownOnce((await dialog().locator('code').innerText()).replaceAll(' ', ''))
    await dialog().getByLabel('Code', { exact: true }).fill('000000')
    await press('Confirm')
    await sees('That code is wrong')
    await dialog()
      .getByLabel('Code', { exact: true })
      .fill(codeAt(fromBase32(secret), Math.floor(Date.now() / 30_000)))
    await press('Confirm')
    await sees('They are shown this once')
    const codes = (await dialog().locator('code').innerText()).split('\n').map((code: string) => suite.shownOnce(code))
    expect(codes).toHaveLength(10)
    await expectClean(suite.tab, { shows: true })
    await suite.page.keyboard.press('Escape')
    await press('I have stored it')
    await sees('10 recovery codes left.')
    await expectClean()

    await press('Sign out')
    await suite.enter()
    await suite.page.getByLabel('Code', { exact: true }).fill(codes[0])
    await expectClean(suite.tab, { shows: true })
    await press('Sign in')
    await suite.page.getByRole('heading', { name: 'Overview' }).waitFor()
    await expectClean()
    await suite.page.goto(`${suite.uniroute.url}/settings/profile`)
    await sees('9 recovery codes left.')
    await press('Remove it')
    await dialog().getByLabel('Current password').fill(suite.uniroute.adminAccount.password)
    await dialog().getByRole('button', { name: 'Remove it' }).click()
    await sees('your password alone is enough')
    await expectClean()
    expect((await suite.uniroute.call('POST', '/auth/login', { body: suite.uniroute.adminAccount })).status).toBe(200)
  })

  test('a session is ended from afar; colours that were chosen stay, on a phone as well', async () => {
    const elsewhere = await suite.start()
    await signIn({ width: 320, height: 700, theme: 'dark' })
    await sees('This one')
    await expectClean()
    await suite.page.getByRole('button', { name: /^End the session in/ }).click()
    await suite.page.getByRole('button', { name: /^End the session in/ }).waitFor({ state: 'detached' })
    expect((await suite.uniroute.call('GET', '/auth/profile', { token: elsewhere })).status).toBe(401)
    const theme = (): Promise<string | undefined> =>
      suite.page.evaluate(() => (globalThis as any).document.documentElement.dataset.theme)
    expect(await theme()).toBeUndefined()
    await suite.page.getByLabel('Colours', { exact: true }).selectOption('light')
    expect(await theme()).toBe('light')
    await suite.page.reload()
    await sees('This one')
    expect(await theme()).toBe('light')
    await expectClean()
    // A time zone and the height of rows are kept as well, and hold on other pages.
    await suite.page.getByLabel('Time zone', { exact: true }).selectOption('Asia/Tokyo')
    await suite.page.getByLabel('Rows', { exact: true }).selectOption('compact')
    await suite.page.reload()
    await sees('This one')
    expect(await suite.page.getByLabel('Time zone', { exact: true }).inputValue()).toBe('Asia/Tokyo')
    expect(await suite.page.evaluate(() => (globalThis as any).document.documentElement.dataset.density)).toBe(
      'compact',
    )
    await suite.page.goto(`${suite.uniroute.url}/usage`)
    await sees(/, Asia\/Tokyo/)
    await expectClean()
    await suite.page.goto(`${suite.uniroute.url}/settings/profile`)
    await sees('This one')
    await suite.page.getByLabel('Time zone', { exact: true }).selectOption('')
    await suite.page.getByLabel('Colours', { exact: true }).selectOption('system')
    await suite.page.reload()
    await sees('This one')
    expect(await theme()).toBeUndefined()
    await expectClean()
  })
})
