// Profile and security in a real browser: name, password, sessions, colours. After every step the page is clean: axe,
// console, policy, no foreign request, no secret.
import { codeAt } from '../../../server/features/accounts/totp.ts'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { fromBase32 } from '../../support/base32.ts'
import { createFakePassword, rememberSecret } from '../../fake-provider/fake-keys.ts'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun ? 'the profile' : 'the profile: run `npm test`, which installs the browser and builds the dashboard'

describe.skipIf(!canRun)(name, () => {
  let browser: Browser
  let uniroute: UniRoute
  let tab: Watched
  const secrets: string[] = []

  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterEach(async () => {
    await tab?.close()
    await uniroute?.stop()
    uniroute?.remove()
    secrets.length = 0
  })
  afterAll(async () => {
    await browser?.close()
  })

  async function expectClean(): Promise<void> {
    expect(await tab.runAxe()).toEqual([])
    expect(await tab.scrollsSideways()).toBe(false)
    expect(tab.problems).toEqual([])
    for (const secret of secrets) expect(await tab.findSecret(secret)).toEqual([])
  }
  async function signIn(options: Parameters<Browser['open']>[1] = {}): Promise<void> {
    tab = await browser.open(`${uniroute.url}/settings/profile`, options)
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await tab.page.getByRole('heading', { name: 'Profile and security' }).waitFor()
  }
  const press = (button: string): Promise<void> => tab.page.getByRole('button', { name: button, exact: true }).click()
  const sees = (text: string | RegExp): Promise<void> => tab.page.getByText(text).first().waitFor()

  test('a new name is told everywhere at once; a new password ends the other sessions, a wrong one changes nothing', async () => {
    uniroute = await startUniRoute()
    await signIn({ expect: /403/ })
    await expectClean()
    await tab.page.getByLabel('Name', { exact: true }).fill('Mina')
    await press('Save')
    await sees('Saved')
    await tab.page.getByRole('link', { name: /Mina/ }).waitFor()
    await expectClean()

    const elsewhere = await uniroute.login()
    const [wrong, next] = [createFakePassword(), createFakePassword()]
    await tab.page.getByLabel('Current password').fill(wrong)
    await tab.page.getByLabel('New password', { exact: true }).fill(next)
    await press('Change password')
    await sees('The current password is wrong.')
    expect((await uniroute.call('GET', '/auth/profile', { token: elsewhere })).status).toBe(200)
    await tab.page.getByLabel('Current password').fill(uniroute.adminAccount.password)
    await press('Change password')
    await sees('you are signed out everywhere else')
    secrets.push(wrong, next, uniroute.adminAccount.password)
    expect((await uniroute.call('GET', '/auth/profile', { token: elsewhere })).status).toBe(401)
    const { email } = uniroute.adminAccount
    expect((await uniroute.call('POST', '/auth/login', { body: { email, password: next } })).status).toBe(200)
    await tab.page.reload()
    await tab.page.getByRole('link', { name: /Mina/ }).waitFor()
    await tab.page.getByRole('heading', { name: 'Sessions' }).waitFor()
    await expectClean()
  })

  test('a second factor: added with an app, asked for at sign-in, recovery codes shown once, removed again', async () => {
    uniroute = await startUniRoute()
    await signIn({ expect: /401|403/ })
    await press('Add an authenticator app')
    const dialog = (): any => tab.page.getByRole('dialog')
    await dialog().getByLabel('Current password').fill(uniroute.adminAccount.password)
    await expectClean()
    await dialog().getByRole('button', { name: 'Add an authenticator app' }).click()
    await sees('Setup key')
    await expectClean()
    const secret = rememberSecret((await dialog().locator('code').innerText()).replaceAll(' ', ''))
    await dialog().getByLabel('Code', { exact: true }).fill('000000')
    await press('Confirm')
    await sees('That code is wrong')
    await dialog()
      .getByLabel('Code', { exact: true })
      .fill(codeAt(fromBase32(secret), Math.floor(Date.now() / 30_000)))
    await press('Confirm')
    await sees('They are shown this once')
    const codes = (await dialog().locator('code').innerText()).split('\n').map((code: string) => rememberSecret(code))
    expect(codes).toHaveLength(10)
    expect(await tab.runAxe()).toEqual([])
    await tab.page.keyboard.press('Escape')
    await press('I have stored it')
    await sees('10 recovery codes left.')
    await expectClean()

    await press('Sign out')
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await press('Sign in')
    await tab.page.getByLabel('Code', { exact: true }).fill(codes[0])
    await expectClean()
    await press('Sign in')
    await tab.page.getByRole('heading', { name: 'Overview' }).waitFor()
    await tab.page.goto(`${uniroute.url}/settings/profile`)
    await sees('9 recovery codes left.')
    await press('Remove it')
    await dialog().getByLabel('Current password').fill(uniroute.adminAccount.password)
    await dialog().getByRole('button', { name: 'Remove it' }).click()
    await sees('your password alone is enough')
    await expectClean()
    expect((await uniroute.call('POST', '/auth/login', { body: uniroute.adminAccount })).status).toBe(200)
  })

  test('a session is ended from afar; colours that were chosen stay, on a phone as well', async () => {
    uniroute = await startUniRoute()
    const elsewhere = await uniroute.login()
    await signIn({ width: 320, height: 700, theme: 'dark' })
    await sees('This one')
    await expectClean()
    await tab.page.getByRole('button', { name: /^End the session in/ }).click()
    await tab.page.getByRole('button', { name: /^End the session in/ }).waitFor({ state: 'detached' })
    expect((await uniroute.call('GET', '/auth/profile', { token: elsewhere })).status).toBe(401)
    const theme = (): Promise<string | undefined> =>
      tab.page.evaluate(() => (globalThis as any).document.documentElement.dataset.theme)
    expect(await theme()).toBeUndefined()
    await tab.page.getByLabel('Colours', { exact: true }).selectOption('light')
    expect(await theme()).toBe('light')
    await tab.page.reload()
    await sees('This one')
    expect(await theme()).toBe('light')
    await expectClean()
    await tab.page.getByLabel('Colours', { exact: true }).selectOption('system')
    await tab.page.reload()
    await sees('This one')
    expect(await theme()).toBeUndefined()
    await expectClean()
  })
})
