// Provider keys in a real browser, built as shipped, under the dashboard's own policy: a key's whole life. After every step the page is clean: axe, console, policy, no foreign request, no secret.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../../fake-provider/fake-provider.ts'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun ? 'the dashboard' : 'the dashboard: run `npm test`, which installs the browser and builds it'

describe.skipIf(!canRun)(name, () => {
  let fake: FakeProvider
  let browser: Browser
  let uniroute: UniRoute
  let tab: Watched
  const secrets: string[] = []

  beforeAll(async () => {
    fake = await startFakeProvider()
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
    await fake?.close()
  })

  const newKey = (vendor: 'openai' | 'google', scenario: string): string => {
    const key = createFakeKey(vendor, scenario)
    secrets.push(key)
    return key
  }

  /** What holds on every page, at any moment. */
  async function expectClean(): Promise<void> {
    expect(await tab.runAxe()).toEqual([])
    expect(await tab.scrollsSideways()).toBe(false)
    expect(tab.problems).toEqual([])
    for (const secret of secrets) expect(await tab.findSecret(secret)).toEqual([])
  }

  async function signIn(options: Parameters<Browser['open']>[1] = {}): Promise<void> {
    tab = await browser.open(`${uniroute.url}/settings/provider-keys`, options)
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await tab.page.getByRole('heading', { name: 'Provider keys' }).waitFor()
  }

  /** As a person pastes: through the clipboard event of the field. */
  async function paste(label: string, secret: string): Promise<void> {
    await tab.page.getByLabel(label, { exact: true }).evaluate((field: any, text: string) => {
      const data = new (globalThis as any).DataTransfer()
      data.setData('text/plain', text)
      field.dispatchEvent(
        new (globalThis as any).ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      )
    }, secret)
  }

  const press = (button: string): Promise<void> => tab.page.getByRole('button', { name: button, exact: true }).click()
  const sees = (text: string | RegExp): Promise<void> => tab.page.getByText(text).first().waitFor()
  async function choose(label: string, entry: string): Promise<void> {
    await press(`More actions for ${label}`)
    await tab.page.getByRole('menuitem', { name: entry }).click()
  }
  const listKeys = async (): Promise<any[]> =>
    (await uniroute.call('GET', '/admin/provider-keys', { token: await uniroute.login() })).body.keys

  test('a key: added after a free test, unchanged after a reload, renamed without its secret, deleted for good', async () => {
    uniroute = await startUniRoute({ fake })
    await signIn()
    await expectClean()
    const key = newKey('openai', 'ok')
    await paste('Add a key', `OPENAI_API_KEY="${key}"`)
    await sees('Looks like a key of OpenAI.')
    await expectClean()
    await tab.page.getByLabel('Name (optional)').fill('Work account')
    await press('Test and save')
    await sees(/Work account is saved/)
    await expectClean()
    // The free test is a list of models, never a call that costs.
    expect(fake.requestsOf(key).map(({ path }) => path)).toEqual([expect.stringContaining('/models')])
    await tab.page.reload()
    await sees(key.slice(-4))
    await expectClean()

    const patches: string[] = []
    tab.page.on('request', (request: any) => request.method() === 'PATCH' && patches.push(request.postData()))
    await choose('Work account', 'Name, limits, fallback')
    await tab.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Main account')
    await expectClean()
    await press('Save')
    await tab.page.getByRole('heading', { name: 'Main account' }).waitFor()
    expect(patches).toHaveLength(1)
    expect(patches[0]).not.toContain('api_key')

    await choose('Main account', 'Delete')
    await sees('This cannot be undone.')
    await sees('Nothing used this key')
    expect(await tab.page.evaluate(() => (globalThis as any).document.activeElement.textContent.trim())).toBe('Cancel')
    await expectClean()
    await press('Cancel')
    expect(await listKeys()).toHaveLength(1)
    await choose('Main account', 'Delete')
    await press('Delete for good')
    await sees('No keys yet')
    expect(await listKeys()).toEqual([])
    await expectClean()
  })

  test('test outcomes: rejected saves nothing and keeps the field; unreachable offers to save untested', async () => {
    uniroute = await startUniRoute({ fake })
    await signIn()
    await paste('Add a key', newKey('openai', 'invalid'))
    await press('Test and save')
    await sees('OpenAI rejected this key')
    await sees('Nothing was saved.')
    expect(await tab.page.getByRole('button', { name: 'Save untested' }).count()).toBe(0)
    await sees(/characters, ends/)
    expect(await listKeys()).toEqual([])
    await expectClean()
    await press('Clear')
    await paste('Add a key', newKey('openai', 'down503'))
    await press('Test and save')
    await press('Save untested')
    await sees('is saved, untested')
    await sees('Neither tested nor used yet')
    expect(await listKeys()).toHaveLength(1)
    await expectClean()
  })

  test('a key pasted before the providers are known is recognised when they are', async () => {
    uniroute = await startUniRoute({ fake })
    tab = await browser.open(`${uniroute.url}/settings/provider-keys`)
    const held = Promise.withResolvers<void>()
    await tab.page.route('**/admin/installation', async (route: any) => {
      await held.promise
      await route.continue()
    })
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await sees('No keys yet')
    await paste('Add a key', newKey('openai', 'ok'))
    await sees('Choose whose key this is.')
    held.resolve()
    await sees('Looks like a key of OpenAI.')
    await expectClean()
  })

  test('replace: a failing key changes nothing; a good one keeps id and name, with new last characters', async () => {
    uniroute = await startUniRoute({ fake })
    const token = await uniroute.login()
    const first = newKey('openai', 'ok')
    const { id } = await uniroute.addProviderKey(token, 'openai', first, { label: 'Work' })
    await signIn()
    await press('Replace Work')
    await paste('New key', newKey('openai', 'invalid'))
    await press('Test and replace')
    await sees('the old key goes on')
    expect(await listKeys()).toMatchObject([{ id, last4: first.slice(-4), key_version: 1 }])
    await expectClean()
    const second = newKey('openai', 'ok')
    await press('Clear')
    await paste('New key', second)
    await press('Test and replace')
    await sees('Work has its new key.')
    expect(await listKeys()).toMatchObject([{ id, label: 'Work', last4: second.slice(-4), key_version: 2 }])
    await expectClean()
  })

  test('disable can be undone; on a phone, in the dark, everything fits and is reachable', async () => {
    uniroute = await startUniRoute({ fake })
    const token = await uniroute.login()
    await uniroute.addProviderKey(token, 'openai', newKey('openai', 'ok'), { label: 'Work' })
    await signIn({ width: 320, height: 700, theme: 'dark' })
    await sees('Neither tested nor used yet')
    await expectClean()
    await choose('Work', 'Disable')
    await sees('Nothing used this key in the last 7 days.')
    await expectClean()
    await press('Disable')
    await sees('Switched off; nothing uses it')
    expect(await listKeys()).toMatchObject([{ is_active: false }])
    await press('Undo')
    await sees('Neither tested nor used yet')
    expect(await listKeys()).toMatchObject([{ is_active: true }])
    await press('Test Work')
    await sees(/Tested now|Tested \d+ seconds? ago/)
    await expectClean()
  })

  test('a session that ends is renewed over the page: what was pasted stays, and is saved afterwards', async () => {
    uniroute = await startUniRoute({ fake })
    await signIn({ expect: /401/ })
    await paste('Add a key', newKey('openai', 'ok'))
    const token = await uniroute.login()
    for (const session of (await uniroute.call('GET', '/auth/sessions', { token })).body.sessions) {
      if (!session.current) await uniroute.call('DELETE', `/auth/sessions/${session.id}`, { token })
    }
    await press('Test and save')
    await sees('Your session has ended')
    await expectClean()
    await tab.page.getByRole('dialog').getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click()
    await sees(/is saved/)
    expect(tab.page.url()).toBe(`${uniroute.url}/settings/provider-keys`)
    await expectClean()
  })
})
