// The models in a real browser: searched and filtered through the address, a thousand of them without a thousand rows,
// and what is unknown called so. After every step the page is clean: axe, console, policy, no foreign request, no secret.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../../fake-provider/fake-provider.ts'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun ? 'the models' : 'the models: run `npm test`, which installs the browser and builds it'

describe.skipIf(!canRun)(name, () => {
  let fake: FakeProvider
  let browser: Browser
  let uniroute: UniRoute
  let tab: Watched
  let key: string

  beforeAll(async () => {
    fake = await startFakeProvider()
    browser = await launchBrowser()
  })
  afterEach(async () => {
    await tab?.close()
    await uniroute?.stop()
    uniroute?.remove()
  })
  afterAll(async () => {
    await browser?.close()
    await fake?.close()
  })

  async function expectClean(): Promise<void> {
    expect(await tab.runAxe()).toEqual([])
    expect(await tab.scrollsSideways()).toBe(false)
    expect(tab.problems).toEqual([])
    expect(await tab.findSecret(key)).toEqual([])
  }

  async function start(): Promise<void> {
    key = createFakeKey('openai', 'ok')
    uniroute = await startUniRoute({ fake, serverKeys: { google: createFakeKey('google', 'operator') } })
    await uniroute.addProviderKey(await uniroute.login(), 'openai', key, { label: 'Personal' })
  }

  async function open(query = '', options: Parameters<Browser['open']>[1] = {}): Promise<void> {
    tab = await browser.open(`${uniroute.url}/models${query}`, options)
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await tab.page.getByLabel('Search').waitFor()
  }

  const rows = (): any => tab.page.locator('[aria-posinset]')
  const listShown = async (): Promise<string[]> =>
    (await rows().allInnerTexts()).map((text: string) => text.split('\n')[0]!)

  test('by whose key, at what price, found by words and filters that stand in the address', async () => {
    await start()
    await open('', { width: 320, height: 700 })
    await rows().first().waitFor()
    await expectClean()
    await tab.page.getByLabel('Search').fill('openai 4o mini')
    await expect.poll(listShown).toEqual(['gpt-4o-mini'])
    expect(await rows().first().innerText()).toMatch(/You[^]*\$0\.15 in, \$0\.60 out/)
    await tab.page.reload()
    await expect.poll(listShown).toEqual(['gpt-4o-mini'])
    await tab.page.goto(`${uniroute.url}/models?payer=server`)
    await expect.poll(async () => (await listShown()).every((id) => id.startsWith('gemini'))).toBe(true)
    await tab.page.getByText('Out of reach').waitFor()
    await tab.page.getByText('You have no key, and the server has none.').first().waitFor()
    await expectClean()
  })

  test('one model opens with its prices and a snippet, closes with the way back, and is tried in the playground', async () => {
    await start()
    await open('', { theme: 'dark' })
    await tab.page.getByRole('button', { name: /^gpt-4o-mini/ }).click()
    const sheet = tab.page.getByRole('dialog')
    await sheet.getByText('From the price list inside UniRoute.').waitFor()
    await sheet.getByText('You, Personal').waitFor()
    expect(await sheet.innerText()).toContain('$UNIROUTE_API_KEY')
    await expectClean()
    await tab.page.goBack()
    await sheet.waitFor({ state: 'detached' })
    await tab.page.goForward()
    await sheet.getByRole('link', { name: 'Try it in the playground' }).click()
    await tab.page.getByRole('heading', { name: 'Playground' }).waitFor()
    expect(await tab.page.getByRole('combobox', { name: 'Model', exact: true }).inputValue()).toBe('gpt-4o-mini')
    await expectClean()
  })

  test('thousands of models are one page of rows; an unknown price is called unknown', async () => {
    await start()
    tab = await browser.open(`${uniroute.url}/sign-in?next=/models`)
    await tab.page.route('**/admin/models', async (route: any) => {
      const answer = await route.fetch()
      const { models } = await answer.json()
      const many = Array.from({ length: 3_000 }, (_, at) => ({
        ...models[0],
        id: `made-up-${at}`,
        model: `made-up-${at}`,
        price: null,
        price_source: 'unknown',
      }))
      await route.fulfill({ response: answer, json: { models: many } })
    })
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await rows().first().waitFor()
    await tab.page.getByText('3,000 of 3,000 models').waitFor()
    expect(await rows().first().innerText()).toContain('Price unknown')
    expect(await rows().count()).toBeLessThan(60)
    await tab.page.evaluate(() => (globalThis as any).scrollTo(0, 90_000))
    await expect.poll(async () => (await listShown()).some((id) => id === 'made-up-1500')).toBe(true)
    expect(await rows().count()).toBeLessThan(60)
    await expectClean()
  })
})
