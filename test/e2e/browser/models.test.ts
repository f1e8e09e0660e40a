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

  test('administrators override prices and limits, hide a model, find it again and take it all back', async () => {
    await start()
    await open('?q=openai+4o+mini')
    const sheet = suite.page.getByRole('dialog')
    const override = async (): Promise<void> => {
      await suite.page.getByRole('button', { name: /^gpt-4o-mini/ }).click()
      await sheet.getByRole('button', { name: 'Change what is said of it' }).click()
      await sheet.getByRole('heading', { name: 'Override gpt-4o-mini' }).waitFor()
    }
    await override()
    await sheet.getByRole('switch', { name: 'Own prices' }).click()
    // What holds now stands there, to be changed.
    expect(await sheet.getByLabel('Input', { exact: true }).inputValue()).toBe('0.15')
    await sheet.getByLabel('Input', { exact: true }).fill('')
    await sheet.getByLabel('Longest answer in tokens').fill('1.5')
    await sheet.getByRole('button', { name: 'Save' }).click()
    await sheet.getByText('Give dollars, 0 or more.').waitFor()
    await sheet.getByText('Give a whole number of tokens.').waitFor()
    await expect.poll(() => suite.readFocus()).toBe('Input')
    await expectClean()
    await sheet.getByLabel('Input', { exact: true }).fill('7')
    await sheet.getByLabel('Longest answer in tokens').fill('3000')
    await sheet.getByRole('button', { name: 'Save' }).click()
    await sheet.getByText('Set by an administrator.').waitFor()
    expect(await sheet.innerText()).toMatch(/Longest answer\s+3K/)
    await expectClean()
    await suite.page.keyboard.press('Escape')
    await expect.poll(() => rows().first().innerText()).toMatch(/\$7\.00 in, \$0\.60 out/)

    await override()
    await sheet.getByRole('switch', { name: 'Left out of lists' }).click()
    await sheet.getByRole('button', { name: 'Save' }).click()
    await expect.poll(listShown).toEqual([])
    await suite.page.getByRole('button', { name: 'Overrides', exact: true }).click()
    await sheet.getByText('openai/gpt-4o-mini').first().waitFor()
    expect(await sheet.innerText()).toMatch(/left out of lists, \$7\.00 in, \$0\.60 out,? and one fact changed/)
    await expectClean()
    await sheet.getByRole('button', { name: 'Change openai/gpt-4o-mini' }).click()
    await sheet.getByRole('button', { name: 'Remove the override' }).click()
    await sheet.getByText('the built-in data holds').waitFor()
    await expectClean()
    await suite.page.keyboard.press('Escape')
    await expect.poll(listShown).toEqual(['gpt-4o-mini'])
    expect(await rows().first().innerText()).toMatch(/\$0\.15 in, \$0\.60 out/)

    const user = await suite.uniroute.createCaller({ keys: { openai: suite.newKey() } })
    await open('', { who: user } as TabOptions)
    await rows().first().waitFor()
    expect(await suite.page.getByRole('button', { name: 'Overrides', exact: true }).count()).toBe(0)
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
