// Provider keys in several hands: a second tab that is stale, another user, a borrower; and with the keyboard alone.
// After every step the page is clean: axe, console, policy, no foreign request, no secret.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../../fake-provider/fake-provider.ts'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun
  ? 'provider keys'
  : 'provider keys: run `npm test`, which installs the browser and builds the dashboard'

describe.skipIf(!canRun)(name, () => {
  let fake: FakeProvider
  let browser: Browser
  let uniroute: UniRoute
  let tab: Watched
  const others: Watched[] = []
  const secrets: string[] = []

  beforeAll(async () => {
    fake = await startFakeProvider()
    browser = await launchBrowser()
  })
  afterEach(async () => {
    for (const one of [tab, ...others.splice(0)]) await one?.close()
    await uniroute?.stop()
    uniroute?.remove()
    secrets.length = 0
  })
  afterAll(async () => {
    await browser?.close()
    await fake?.close()
  })

  const newKey = (): string => {
    const key = createFakeKey('openai', 'ok')
    secrets.push(key)
    return key
  }
  async function expectClean(watched: Watched = tab): Promise<void> {
    expect(await watched.runAxe()).toEqual([])
    expect(await watched.scrollsSideways()).toBe(false)
    expect(watched.problems).toEqual([])
    for (const secret of secrets) expect(await watched.findSecret(secret)).toEqual([])
  }
  async function signIn(
    who: { email: string; password: string },
    options: Parameters<Browser['open']>[1] = {},
  ): Promise<Watched> {
    const opened = await browser.open(`${uniroute.url}/settings/provider-keys`, options)
    await opened.page.getByLabel('E-mail').fill(who.email)
    await opened.page.getByLabel('Password', { exact: true }).fill(who.password)
    await opened.page.getByRole('button', { name: 'Sign in' }).click()
    await opened.page.getByRole('heading', { name: 'Provider keys' }).waitFor()
    return opened
  }
  const press = (button: string, watched = tab): Promise<void> =>
    watched.page.getByRole('button', { name: button, exact: true }).click()
  const sees = (text: string | RegExp, watched = tab): Promise<void> => watched.page.getByText(text).first().waitFor()
  async function choose(label: string, entry: string, watched = tab): Promise<void> {
    await press(`More actions for ${label}`, watched)
    await watched.page.getByRole('menuitem', { name: entry }).click()
  }
  const listKeys = async (token: string): Promise<any[]> =>
    (await uniroute.call('GET', '/admin/provider-keys', { token })).body.keys

  test('a stale second tab is told of the conflict and keeps its draft; saving over it is a choice of its own', async () => {
    uniroute = await startUniRoute({ fake })
    const token = await uniroute.login()
    await uniroute.addProviderKey(token, 'openai', newKey(), { label: 'Work' })
    tab = await signIn(uniroute.adminAccount)
    const stale = await signIn(uniroute.adminAccount, { expect: /409/ })
    others.push(stale)
    await choose('Work', 'Name, limits', stale)
    await stale.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('From the second tab')
    await choose('Work', 'Name, limits')
    await tab.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('From the first tab')
    await press('Save')
    await tab.page.getByRole('heading', { name: 'From the first tab' }).waitFor()
    await press('Save', stale)
    await sees('Your edit is kept here.', stale)
    const draft = stale.page.getByRole('dialog').getByLabel('Name', { exact: true })
    expect(await draft.inputValue()).toBe('From the second tab')
    expect(await listKeys(token)).toMatchObject([{ label: 'From the first tab' }])
    await expectClean(stale)
    await press('Save over it', stale)
    await stale.page.getByRole('heading', { name: 'From the second tab' }).waitFor()
    expect(await listKeys(token)).toMatchObject([{ label: 'From the second tab' }])
    await expectClean(stale)
  })

  test('another user sees nothing of a key, and can neither test, change nor delete it by its id', async () => {
    uniroute = await startUniRoute({ fake })
    const token = await uniroute.login()
    const key = newKey()
    const { id } = await uniroute.addProviderKey(token, 'openai', key, { label: 'Work' })
    const stranger = await uniroute.createUser()
    tab = await signIn(stranger)
    await sees('No keys yet')
    expect(await tab.page.getByText(key.slice(-4)).count()).toBe(0)
    const asked = fake.requestsOf(key).length
    const attempts: [string, string, object?][] = [
      ['POST', '/test', {}],
      ['PATCH', '', { label: 'Mine' }],
      ['PUT', '', { api_key: createFakeKey('openai', 'ok') }],
      ['GET', '/impact'],
      ['GET', '/usage'],
      ['DELETE', ''],
    ]
    for (const [method, path, body] of attempts) {
      const { status } = await uniroute.call(method, `/admin/provider-keys/${id}${path}`, {
        token: stranger.token,
        body,
      })
      expect([method, path, status]).toEqual([method, path, 404])
    }
    expect(fake.requestsOf(key)).toHaveLength(asked)
    expect(await listKeys(token)).toMatchObject([{ id, label: 'Work', key_version: 1 }])
    await expectClean()
  })

  test('a key shared from its row is a ◆ row of the borrower, without Replace', async () => {
    uniroute = await startUniRoute({ fake })
    const key = newKey()
    const owner = await uniroute.createCaller({ keys: { openai: key } })
    const member = await uniroute.createCaller()
    const { body: team } = await uniroute.call('POST', '/admin/teams', {
      token: owner.token,
      body: { name: 'Data team' },
    })
    const { body: invite } = await uniroute.call('POST', `/admin/teams/${team.id}/invites`, {
      token: owner.token,
      body: {},
    })
    await uniroute.call('POST', '/admin/teams/join', { token: member.token, body: { code: invite.code } })
    tab = await signIn(owner)
    await choose('Unnamed key', 'Share')
    await tab.page.getByRole('dialog').getByLabel('With', { exact: true }).selectOption({ label: 'Data team' })
    await expectClean()
    await press('Share')
    await sees('Shared with Data team')
    await expectClean()
    const theirs = await signIn(member, { width: 320, height: 700, theme: 'dark' })
    others.push(theirs)
    await sees(/Team, shared by/, theirs)
    await sees(`…${key.slice(-4)}`, theirs)
    expect(await theirs.page.getByRole('button', { name: /Replace/ }).count()).toBe(0)
    await expectClean(theirs)
  })

  test('keyboard alone, on a phone in the dark: add, test, reorder, replace, delete; the focus is seen and comes back', async () => {
    uniroute = await startUniRoute({ fake })
    const token = await uniroute.login()
    await uniroute.addProviderKey(token, 'openai', newKey(), { label: 'First' })
    tab = await signIn(uniroute.adminAccount, { width: 375, height: 800, theme: 'dark' })
    await sees('First')
    const { keyboard } = tab.page
    const focused = (): Promise<string> =>
      tab.page.evaluate(() => {
        const { activeElement: at } = (globalThis as any).document
        return at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent.trim()
      })
    /** Tab until it has the focus, which has to be seen there. */
    async function reach(label: string | RegExp): Promise<void> {
      const seen: string[] = []
      for (let step = 0; step < 60; step++) {
        const at = await focused()
        seen.push(at)
        if (typeof label === 'string' ? at === label : label.test(at)) {
          const outline = await tab.page.evaluate(() => {
            const { outlineStyle, outlineWidth } = (globalThis as any).getComputedStyle(
              (globalThis as any).document.activeElement,
            )
            return `${outlineStyle} ${outlineWidth}`
          })
          expect(outline).toBe('solid 2px')
          return
        }
        await keyboard.press('Tab')
      }
      throw new Error(`${label} was never reached: ${seen.join(' | ')}`)
    }

    await reach('Add a key')
    const key = newKey()
    await tab.page.evaluate((text: string) => {
      const data = new (globalThis as any).DataTransfer()
      data.setData('text/plain', text)
      ;(globalThis as any).document.activeElement.dispatchEvent(
        new (globalThis as any).ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      )
    }, key)
    await sees('Looks like a key of OpenAI.')
    await reach('Name (optional)')
    await keyboard.type('Second')
    await keyboard.press('Enter')
    await sees(/Second is saved/)
    await expectClean()

    await reach('Test Second')
    await keyboard.press('t')
    await sees(/Tested now|Tested \d+ seconds? ago/)
    await reach('More actions for Second')
    await keyboard.press('Enter')
    await tab.page.getByRole('menuitem', { name: 'Move up' }).waitFor()
    await keyboard.type('Move up')
    await keyboard.press('Enter')
    await expect.poll(async () => (await listKeys(token)).map(({ label }) => label)).toEqual(['Second', 'First'])
    await expectClean()

    await reach('Replace Second')
    await keyboard.press('r')
    await tab.page.getByRole('dialog').waitFor()
    await expectClean()
    await keyboard.press('Escape')
    await tab.page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(await focused()).toBe('Replace Second')

    await reach('More actions for Second')
    await keyboard.press('Enter')
    await tab.page.getByRole('menuitem', { name: 'Delete' }).waitFor()
    await keyboard.press('End')
    await keyboard.press('Enter')
    await sees('This cannot be undone.')
    expect(await focused()).toBe('Cancel')
    await keyboard.press('Enter')
    await tab.page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(await listKeys(token)).toHaveLength(2)
    expect(await focused()).toBe('More actions for Second')
    await keyboard.press('Enter')
    await tab.page.getByRole('menuitem', { name: 'Delete' }).waitFor()
    await keyboard.press('End')
    await keyboard.press('Enter')
    await sees('This cannot be undone.')
    await reach('Delete for good')
    await keyboard.press('Enter')
    await sees('Second is deleted.')
    expect(await listKeys(token)).toMatchObject([{ label: 'First' }])
    await expectClean()
  })
})
