// The models in a real browser: searched and filtered through the address, a thousand of them without a thousand rows,
// and what is unknown called so. After every step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard, type TabOptions } from '../../support/dashboard-suite.ts'

describeDashboard('the models', (suite) => {
  const { expectClean } = suite

  async function start(): Promise<void> {
    const token = await suite.start({ serverKeys: { google: suite.newKey('operator', 'google') } })
    await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Personal' })
  }
  async function open(query = '', options: TabOptions = {}): Promise<void> {
    await suite.signIn(`/models${query}`, undefined, options)
    await suite.page.getByLabel('Search').waitFor()
  }

  const rows = (): any => suite.page.locator('[aria-posinset]')
  const listShown = async (): Promise<string[]> =>
    (await rows().allInnerTexts()).map((text: string) => text.split('\n')[0]!)

  test('by whose key, at what price, found by words and filters that stand in the address', async () => {
    await start()
    await open('', { width: 320, height: 700 })
    await rows().first().waitFor()
    await expectClean()
    await suite.page.getByLabel('Search').fill('openai 4o mini')
    await expect.poll(listShown).toEqual(['gpt-4o-mini'])
    expect(await rows().first().innerText()).toMatch(/You[^]*\$0\.15 in, \$0\.60 out/)
    await suite.page.reload()
    await expect.poll(listShown).toEqual(['gpt-4o-mini'])
    await suite.page.goto(`${suite.uniroute.url}/models?payer=server`)
    await expect.poll(async () => (await listShown()).every((id) => id.startsWith('gemini'))).toBe(true)
    await suite.page.getByText('Out of reach').waitFor()
    await suite.page.getByText('You have no key, and the server has none.').first().waitFor()
    await expectClean()
  })

  test('one model opens with its prices and a snippet, closes with the way back, and is tried in the playground', async () => {
    await start()
    await open('', { theme: 'dark' })
    await suite.page.getByRole('button', { name: /^gpt-4o-mini/ }).click()
    const sheet = suite.page.getByRole('dialog')
    await sheet.getByText('From the price list inside UniRoute.').waitFor()
    await sheet.getByText('You, Personal').waitFor()
    expect(await sheet.innerText()).toContain('$UNIROUTE_API_KEY')
    await expectClean()
    await suite.page.goBack()
    await sheet.waitFor({ state: 'detached' })
    await suite.page.goForward()
    await sheet.getByRole('link', { name: 'Try it in the playground' }).click()
    await suite.page.getByRole('heading', { name: 'Playground' }).waitFor()
    expect(await suite.page.getByRole('combobox', { name: 'Model', exact: true }).inputValue()).toBe('gpt-4o-mini')
    await expectClean()
  })

  test('thousands of models are one page of rows; an unknown price is called unknown', async () => {
    await start()
    await suite.open('/sign-in?next=/models')
    await suite.page.route('**/admin/models', async (route: any) => {
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
    await suite.enter()
    await rows().first().waitFor()
    await suite.page.getByText('3,000 of 3,000 models').waitFor()
    expect(await rows().first().innerText()).toContain('Price unknown')
    expect(await rows().count()).toBeLessThan(60)
    await suite.page.evaluate(() => (globalThis as any).scrollTo(0, 90_000))
    await expect.poll(async () => (await listShown()).some((id) => id === 'made-up-1500')).toBe(true)
    expect(await rows().count()).toBeLessThan(60)
    await expectClean()
  })
})
