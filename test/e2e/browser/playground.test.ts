// The playground in a real browser: an answer comes in steps and can be stopped, an Enter that belongs to a character
// sends nothing, and under every answer stands whose key paid. After every step the page is clean.
import { expect, test, vi } from 'vitest'
import { describeDashboard, type TabOptions } from '../../support/dashboard-suite.ts'

describeDashboard('the playground', (suite) => {
  const { expectClean, newKey, press, sees, start } = suite

  async function open(options: TabOptions = {}, query = '?model=gpt-4o'): Promise<void> {
    await suite.signIn(`/playground${query}`, 'Playground', options)
    await suite.page.getByRole('combobox', { name: /model/i }).first().waitFor()
  }
  async function ask(question: string): Promise<void> {
    await suite.page.getByLabel('Message').fill(question)
    await press('Send')
  }
  const answer = (at = 0): any => suite.page.getByRole('article').nth(at)
  const listLog = async (): Promise<any[]> =>
    (await suite.uniroute.call('GET', '/admin/requests', { token: await suite.uniroute.login() })).body.requests

  test('an answer comes in steps, and says whose key paid, which way it took and what it cost', async () => {
    const token = await start()
    const key = newKey('slow60')
    await suite.uniroute.addProviderKey(token, 'openai', key, { label: 'Work account' })
    await open()
    await expectClean()
    await ask('Say a good many words, one after the other, so that they can be counted as they come')
    const lengths = new Set<number>()
    await vi.waitUntil(
      async () => {
        lengths.add((await answer().locator('.prose').allInnerTexts()).join('').length)
        return (await answer().getAttribute('aria-busy')) === 'false'
      },
      { timeout: 30_000, interval: 40 },
    )
    // None, some, and all of it, however seldom one looks.
    expect(lengths.size).toBeGreaterThan(2)
    await answer().getByText('You, Work account').waitFor()
    await answer()
      .getByText(/^\d+ in, \d+ out$/)
      .first()
      .waitFor()
    await answer()
      .getByText(/^\$0\.\d+/)
      .first()
      .waitFor()
    await answer()
      .getByText(/^first token/)
      .waitFor()
    await answer().getByText('The way it took').click()
    expect(await answer().getByRole('list', { name: 'The way of this request' }).innerText()).toMatch(
      /Playground[^]*Your key, Work account[^]*200 after[^]*gpt-4o/,
    )
    // The end is announced, not each word.
    expect(await suite.page.getByRole('status').allInnerTexts()).toContain('The answer of gpt-4o is complete.')
    await expectClean()
  })

  test('Stop cuts the provider’s connection, says so, and the log has it as cancelled', async () => {
    const token = await start()
    const key = newKey('slow300')
    await suite.uniroute.addProviderKey(token, 'openai', key, { label: 'Work account' })
    await open()
    await ask('Say something long and slow that gives time to press the button in the middle of it')
    await answer().locator('.prose').getByText('You').waitFor()
    await press('Stop')
    await sees('Stopped. The connection to the provider was cut')
    const isChat = ({ operation }: { operation: string }): boolean => operation === 'chat'
    await expect
      .poll(() =>
        suite.fake
          .requestsOf(key)
          .filter(isChat)
          .map(({ state }) => state),
      )
      .toEqual(['aborted'])
    await expect.poll(async () => (await listLog())[0]).toMatchObject({ outcome: 'client_closed', status: 499 })
    expect(await suite.page.getByRole('status').allInnerTexts()).toContain('The answer of gpt-4o was stopped.')
    await expectClean()
    await answer().getByText('Open in Requests').click()
    // It opens with the request laid over the page, whose heading may never be seen then.
    await suite.dialog().getByText('Cancelled').first().waitFor()
    await expectClean()
  })

  test('an answer that failed is asked again in its place: the same question, once', async () => {
    const token = await start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey(), { label: 'Work account' })
    await open({ expect: /ERR_|404|50[0-9]/ })
    const sent: string[] = []
    let meets: ((route: any) => Promise<void>) | null = (route) => route.abort('connectionrefused')
    await suite.page.route(/playground\/v1\/chat\/completions$/, (route: any) => {
      sent.push(route.request().postData())
      return meets ? meets(route) : route.fallback()
    })
    await ask('Are you there?')
    await answer().getByText('UniRoute did not answer.').waitFor()
    await expectClean()
    const message = 'The gateway is restarting.'
    meets = (route) =>
      route.fulfill({
        status: 503,
        headers: { 'x-request-id': 'req_01J8ZZZZZZZZZZZZZZZZZZZZZZ' },
        json: { error: { message, code: 'storage_unavailable' } },
      })
    await answer().getByRole('button', { name: 'Try again' }).click()
    await answer().getByText(message).waitFor()
    await answer().getByText('req_01J8ZZZZZZZZZZZZZZZZZZZZZZ').waitFor()
    meets = null
    await answer().getByRole('button', { name: 'Try again' }).click()
    await answer().getByText('You, Work account').waitFor()
    expect(new Set(sent).size).toBe(1)
    expect([sent.length, await suite.page.getByRole('article').count()]).toEqual([3, 1])
    expect(await answer().getByRole('alert').count()).toBe(0)
    await expectClean()
  })

  test('Enter while a character is composed sends nothing; Enter after it sends; Shift and Enter begins a line', async () => {
    const token = await start()
    const key = newKey('ok')
    await suite.uniroute.addProviderKey(token, 'openai', key)
    await open()
    const field = suite.page.getByLabel('Message')
    await field.fill('にほん')
    for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
      await field.evaluate((element: any, more: object) => {
        const event = new (globalThis as any).KeyboardEvent('keydown', {
          key: 'Enter',
          bubbles: true,
          cancelable: true,
          ...more,
        })
        element.dispatchEvent(event)
      }, init)
    }
    await field.press('Shift+Enter')
    expect(await suite.page.getByRole('article').count()).toBe(0)
    expect(await field.inputValue()).toBe('にほん\n')
    await field.press('Enter')
    await sees('にほん')
    await answer().getByText('Open in Requests').waitFor()
    await expectClean()
  })

  test('a rejected key of one’s own, then the server’s: the trace shows the turn; with `never` 424 names the key', async () => {
    const serverKey = newKey('operator')
    const token = await start({ serverKeys: { openai: serverKey } })
    // Lists of models go well, or looking at the page would find out before the request does.
    const rejected = newKey()
    suite.fake.behave(rejected, (_call, { body }) => (body === undefined ? undefined : 'invalid'))
    const own = await suite.uniroute.addProviderKey(token, 'openai', rejected, { label: 'Personal' })
    await open({ expect: /424/ })
    await ask('Who pays for this?')
    const trace = answer().getByRole('list', { name: 'The way of this request' })
    await trace.waitFor()
    expect(await trace.innerText()).toMatch(/Your key, Personal\s+401 after[^]*Server key\s+200 after/)
    await answer().getByText('Not paid by a key of yours: it is rejected.').waitFor()
    await expectClean()
    expect(await listLog()).toMatchObject([{ billed_to: 'server', fallback: 'invalid', attempts: 2 }])

    const served = suite.fake.requestsOf(serverKey).length
    const { version } = (await suite.uniroute.call('GET', '/admin/provider-keys', { token })).body.keys[0]
    const never = await suite.uniroute.call('PATCH', `/admin/provider-keys/${own.id}`, {
      token,
      body: { fallback: 'never', version },
    })
    expect(never.status).toBe(200)
    await ask('And now?')
    const refusal = answer(1).getByRole('alert')
    await refusal.waitFor()
    expect(await refusal.innerText()).toMatch(new RegExp(`Personal[^]*${own.last4}`))
    expect(suite.fake.requestsOf(serverKey)).toHaveLength(served)
    await expectClean()
  })

  test('two models side by side; hostile markdown neither loads, runs nor leaves the page', async () => {
    const token = await start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey('ok'), { label: 'Work' })
    await open({ width: 320, height: 700, theme: 'dark' }, '?model=gpt-4o&with=gpt-4o-mini')
    await ask(
      '![stolen](https://evil.example/?q=1) <img src="https://evil.example/x.png" onerror="alert(1)"> ' +
        '<style>body{display:none}</style> [click](javascript:alert(1)) **bold**',
    )
    await answer(1).getByText('Open in Requests').waitFor()
    await answer(0).getByText('Open in Requests').waitFor()
    await answer(0).getByText('[a picture from elsewhere, not loaded: stolen]').waitFor()
    for (const at of [0, 1]) {
      expect(await answer(at).locator('img, style, [onerror], [href^="javascript"]').count()).toBe(0)
      expect(await answer(at).locator('strong').innerText()).toBe('bold')
    }
    await expectClean()
    await press('View code')
    await sees('$UNIROUTE_API_KEY')
    await expectClean()
  })

  test('without any key the page asks for one and goes on with it, where it stands', async () => {
    await start()
    await open({ width: 375, height: 750 }, '')
    await sees('No model can be reached yet')
    await expectClean()
    await press('Add a provider key')
    const key = newKey('ok')
    await suite.page.getByLabel('Add a key', { exact: true }).evaluate((field: any, text: string) => {
      const data = new (globalThis as any).DataTransfer()
      data.setData('text/plain', text)
      field.dispatchEvent(
        new (globalThis as any).ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      )
    }, key)
    await sees('Looks like a key of OpenAI.')
    await expectClean()
    await press('Test and save')
    await suite.page.getByRole('dialog').waitFor({ state: 'detached' })
    await ask('Hello')
    await answer().getByText('You, Unnamed key').waitFor()
    await expectClean()
  })
})
