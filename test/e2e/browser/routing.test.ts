// Routing in a real browser: what the simulator says is what a request then meets; reasons are switches, and what the
// operator has not granted is locked. After every step the page is clean: axe, console, policy, no foreign request, no
// secret.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../../fake-provider/fake-provider.ts'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun ? 'routing' : 'routing: run `npm test`, which installs the browser and builds it'

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

  const newKey = (scenario: string): string => {
    const key = createFakeKey('openai', scenario)
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

  async function start(options: Parameters<typeof startUniRoute>[0] = {}): Promise<string> {
    uniroute = await startUniRoute({ fake, ...options })
    return uniroute.login()
  }

  async function open(tab_: string, options: Parameters<Browser['open']>[1] = {}): Promise<void> {
    tab = await browser.open(`${uniroute.url}/routing?tab=${tab_}`, options)
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await tab.page.getByRole('heading', { name: 'Routing' }).waitFor()
  }

  const sees = (text: string | RegExp): Promise<void> => tab.page.getByText(text).first().waitFor()
  const plan = (): any => tab.page.getByRole('list', { name: 'The way a request would take' })

  test('the simulator: a rejected key would leave the server to pay, and then it does; nothing is sent before', async () => {
    const token = await start({ serverKeys: { openai: newKey('operator') } })
    const key = newKey('ok')
    await uniroute.addProviderKey(token, 'openai', key, { label: 'Personal' })
    await open('simulator&model=gpt-4o')
    await sees('Your key, Personal would serve and pay')
    await sees('Nothing was sent')
    await expectClean()
    const sent = fake.requests.length
    const suppose = tab.page.getByLabel('Your key, Personal', { exact: true })
    await suppose.selectOption({ label: 'is rejected (401)' })
    await sees('Server key would serve and pay')
    expect(await plan().innerText()).toMatch(/Your key, Personal\s+Supposed: rejected \(401\)[^]*Server key[^]*gpt-4o/)
    await expectClean()
    await suppose.selectOption({ label: 'is rate limited (429)' })
    await sees('The request would be refused: 429')
    await expectClean()
    expect(fake.requests.length).toBe(sent)

    fake.behave(key, () => 'invalid')
    const reply = await uniroute.call('POST', '/admin/playground/v1/chat/completions', {
      token,
      body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] },
    })
    expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([200, 'server'])
  })

  test('reasons are switches of the account; what is not granted is locked; keys that narrow it stand beside it', async () => {
    const token = await start({ serverKeys: { openai: newKey('operator') } })
    await uniroute.addProviderKey(token, 'openai', newKey('ok'), { label: 'Personal', fallback: 'never' })
    await open('fallback', { width: 320, height: 700, theme: 'dark' })
    await tab.page.getByRole('switch', { name: 'Your key is rejected' }).click()
    const readFallback = async (): Promise<unknown> =>
      (await uniroute.call('GET', '/auth/profile', { token })).body.user.fallback
    await expect.poll(readFallback).toEqual(['no_key', 'outage', 'rate_limited', 'exhausted'])
    expect(await tab.page.getByRole('switch').count()).toBe(3)
    await sees('Not granted (SERVER_FALLBACK)')
    await sees('Never the server')
    await expectClean()
    await tab.page.reload()
    const rejected = tab.page.getByRole('switch', { name: 'Your key is rejected' })
    await rejected.waitFor()
    expect(await rejected.getAttribute('aria-checked')).toBe('false')
    await rejected.click()
    await expect.poll(readFallback).toBe('allow')
    await expectClean()
  })

  test('a strategy is saved and holds after a reload; keys are put in order with buttons', async () => {
    const token = await start()
    await uniroute.addProviderKey(token, 'openai', newKey('ok'), { label: 'First' })
    await uniroute.addProviderKey(token, 'openai', newKey('ok'), { label: 'Second' })
    await open('models')
    await tab.page.getByRole('radio', { name: /The cheapest/ }).check()
    await tab.page.getByRole('button', { name: 'Save' }).click()
    await sees('Saved, in force at once.')
    await expectClean()
    await tab.page.reload()
    await sees('This is your own choice.')
    expect(await tab.page.getByRole('radio', { name: /The cheapest/ }).isChecked()).toBe(true)
    await tab.page.getByRole('tab', { name: 'Key order' }).click()
    await tab.page.getByRole('button', { name: 'Move Second up' }).click()
    const listLabels = async (): Promise<string[]> => {
      const { keys } = (await uniroute.call('GET', '/admin/provider-keys', { token })).body
      return keys.toSorted((a: any, b: any) => a.position - b.position).map(({ label }: any) => label)
    }
    await expect.poll(listLabels).toEqual(['Second', 'First'])
    await expectClean()
  })
})
