// What administrators do, in a real browser: users and their sessions, the server's keys, settings, health, and a change
// of the master key through which every key works. After every step the page is clean.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../../fake-provider/fake-provider.ts'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun ? 'the admin pages' : 'the admin pages: run `npm test`, which installs the browser and builds them'
const OLD_SECRET = 'b5f1c0de9a47382e6d10fb94c7a2e853'
const NEW_SECRET = '1c8e40b7f9d25a63e07b94d1c6f83a52'

describe.skipIf(!canRun)(name, () => {
  let fake: FakeProvider
  let browser: Browser
  let uniroute: UniRoute
  let tab: Watched
  const secrets: string[] = []
  const before: UniRoute[] = []

  beforeAll(async () => {
    fake = await startFakeProvider()
    browser = await launchBrowser()
  })
  afterEach(async () => {
    await tab?.close()
    await uniroute?.stop()
    uniroute?.remove()
    for (const one of before.splice(0)) one.remove()
    secrets.length = 0
  })
  afterAll(async () => {
    await browser?.close()
    await fake?.close()
  })

  async function expectClean(): Promise<void> {
    expect(await tab.runAxe()).toEqual([])
    expect(await tab.scrollsSideways()).toBe(false)
    expect(tab.problems).toEqual([])
    for (const secret of secrets) expect(await tab.findSecret(secret)).toEqual([])
  }
  async function signIn(path: string, options: Parameters<Browser['open']>[1] = {}): Promise<void> {
    tab = await browser.open(`${uniroute.url}${path}`, options)
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
  }
  const dialog = (): any => tab.page.getByRole('dialog')
  const press = (button: string): Promise<void> => tab.page.getByRole('button', { name: button, exact: true }).click()
  const sees = (text: string | RegExp): Promise<void> => tab.page.getByText(text).first().waitFor()
  const heading = (text: string): Promise<void> => tab.page.getByRole('heading', { name: text, exact: true }).waitFor()
  async function choose(label: string, entry: string): Promise<void> {
    await press(`More actions for ${label}`)
    await tab.page.getByRole('menuitem', { name: entry }).click()
  }
  const newKey = (): string => {
    const key = createFakeKey('openai', 'ok')
    secrets.push(key)
    return key
  }

  test('a user is made with a link, signed out, switched off and on; nobody else reaches the page', async () => {
    uniroute = await startUniRoute({ fake })
    const user = await uniroute.createUser()
    await signIn('/operator/users')
    await sees(user.email)
    await expectClean()
    await press('Create user')
    await dialog().getByLabel('E-mail').fill('new@example.com')
    await expectClean()
    await dialog().getByRole('button', { name: 'Create user' }).click()
    await sees('new@example.com can sign in')
    expect(await dialog().locator('code').innerText()).toMatch(/\/reset#/)
    expect(await tab.runAxe()).toEqual([])
    await press('I have sent it')
    await choose(user.email, 'Sessions')
    await dialog()
      .getByRole('button', { name: /^End the session of/ })
      .click()
    await sees('They are signed in nowhere.')
    await expectClean()
    expect((await uniroute.call('GET', '/auth/profile', { token: user.token })).status).toBe(401)
    await press('Close')
    await choose(user.email, 'Disable')
    await sees('They are signed out everywhere')
    expect(await tab.page.evaluate(() => (globalThis as any).document.activeElement.textContent.trim())).toBe('Cancel')
    await expectClean()
    await press('Disable')
    await sees(`${user.email} is off.`)
    await choose(user.email, 'Enable')
    await expect
      .poll(() =>
        tab.page
          .getByRole('row', { name: new RegExp(user.email) })
          .getByText('Active')
          .count(),
      )
      .toBe(1)
    await tab.close()
    tab = await browser.open(`${uniroute.url}/operator/users`, { width: 320, height: 700, expect: /403|ApiError/ })
    await tab.page.getByLabel('E-mail').fill(user.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(user.password)
    await press('Sign in')
    await tab.page.getByRole('alert').waitFor()
    expect(await tab.page.getByText('Server keys').count()).toBe(0)
    await expectClean()
  })

  test('server keys are masked and tested; settings tell their origin and never a secret; health and More on a phone', async () => {
    const key = newKey()
    uniroute = await startUniRoute({ fake, serverKeys: { openai: key } })
    await signIn('/operator/server-keys', { width: 320, height: 700, theme: 'dark' })
    await sees(`…${key.slice(-4)}`)
    await expectClean()
    await press('Test OpenAI')
    await sees('OpenAI accepted the key.')
    await expectClean()
    expect(fake.requestsOf(key).map(({ path }) => path)).toEqual([expect.stringContaining('/models')])
    await press('More')
    await expectClean()
    await dialog().getByRole('link', { name: 'Settings' }).click()
    await heading('Settings')
    await tab.page.getByLabel('Search settings').fill('openai_api')
    await sees('Set; not shown')
    expect(tab.page.url()).toContain('search=openai_api')
    await expectClean()
    await press('More')
    await dialog().getByRole('link', { name: 'Health' }).click()
    await sees('Every provider is being called.')
    await expectClean()
    await press('More')
    await dialog().getByRole('link', { name: 'Encryption' }).click()
    await sees('Everything is sealed under the active key.')
    await expectClean()
  })

  test(
    're-encryption: killed midway it resumes, progress never goes back, every key works, the old one is retired apart',
    { timeout: 150_000 },
    async () => {
      const first = await startUniRoute({ fake, env: { PROVIDER_KEY_ENCRYPTION_KEY: OLD_SECRET } })
      before.push(first)
      const caller = await first.createCaller({ keys: { openai: newKey() } })
      for (let more = 0; more < 20; more++) await first.addProviderKey(caller.token, 'openai', newKey())
      await first.stop()
      const env = { PROVIDER_KEY_ENCRYPTION_KEY: NEW_SECRET, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: OLD_SECRET }
      const again = { fake, env, dataDir: first.dataDir, adminAccount: first.adminAccount }
      uniroute = await startUniRoute(again)
      secrets.push(OLD_SECRET, NEW_SECRET)
      // The reader of progress: what a page shows is never less than what it showed before.
      await signIn('/operator/encryption')
      await sees('values are sealed under an old key.')
      await expectClean()
      await press('Re-encrypt')
      await tab.page.getByRole('progressbar').waitFor()
      await uniroute.kill9()
      await tab.close()
      uniroute = await startUniRoute(again)
      await signIn('/operator/encryption')
      await tab.page.getByRole('progressbar').waitFor()
      const seen: number[] = []
      await expect
        .poll(
          async () => {
            seen.push(Number(await tab.page.getByRole('progressbar').getAttribute('aria-valuenow')))
            return tab.page.getByText('Nothing depends on the old key any more.').count()
          },
          { timeout: 90_000 },
        )
        .toBe(1)
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      await expectClean()
      const { body } = await uniroute.call('GET', '/admin/encryption', { token: await uniroute.login() })
      const old = body.keys.find((one: { state: string }) => one.state === 'decrypt')
      expect(old.dependents).toBe(0)
      for (const { id } of (await uniroute.call('GET', '/admin/provider-keys', { token: caller.token })).body.keys) {
        const tested = await uniroute.call('POST', `/admin/provider-keys/${id}/test`, { token: caller.token, body: {} })
        expect(tested.body).toMatchObject({ valid: true })
      }
      await press(`Retire ${old.kid}`)
      await sees('This cannot be undone.')
      expect(await tab.page.evaluate(() => (globalThis as any).document.activeElement.textContent.trim())).toBe(
        'Cancel',
      )
      await expectClean()
      await press('Cancel')
      const state = async (): Promise<string> =>
        (await uniroute.call('GET', '/admin/encryption', { token: await uniroute.login() })).body.keys.find(
          (one: { kid: string }) => one.kid === old.kid,
        ).state
      expect(await state()).toBe('decrypt')
    },
  )
})
