// What a provider says of a key, in words: of a pasted one before it is saved, and of a saved one that is rejected while
// the server stands in for it. After every step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'

const PAGE = '/settings/provider-keys'

describeDashboard('what providers say of keys', (suite) => {
  const { dialog, expectClean, newKey, paste, press, sees } = suite
  const listKeys = async (): Promise<any[]> =>
    (await suite.uniroute.call('GET', '/admin/provider-keys', { token: await suite.uniroute.login() })).body.keys
  const ask = (apiKey: string): Promise<any> =>
    suite.uniroute.call('POST', '/v1/chat/completions', {
      token: apiKey,
      body: { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] },
    })

  test('rejected, restricted, out of credit and unreachable are four texts; nothing is saved, and the field keeps the key', async () => {
    await suite.start()
    await suite.signIn(PAGE, 'Provider keys')
    const outcomes = [
      ['invalid', 'OpenAI rejected this key.', false],
      ['forbidden-region', 'does not let this key list models', true],
      ['broke', 'its account has no credit', true],
      ['reset', 'OpenAI could not be reached', true],
    ] as const
    for (const [scenario, says, offersUntested] of outcomes) {
      await paste('Add a key', newKey(scenario))
      await press('Test and save')
      await sees(says)
      await sees('Nothing was saved.')
      await sees(/characters, ends/)
      expect(await suite.page.getByRole('button', { name: 'Save untested' }).count()).toBe(offersUntested ? 1 : 0)
      await expectClean()
      await press('Clear')
      expect(await suite.page.getByText(says).count()).toBe(0)
    }
    expect(await listKeys()).toEqual([])
    expect(suite.fake.requests.every(({ path }) => path.includes('/models'))).toBe(true)
  })

  test('a key of no known look is saved for the provider that is chosen; what fills itself in is not believed', async () => {
    await suite.start()
    await suite.signIn(PAGE, 'Provider keys')
    const field = suite.page.getByLabel('Add a key', { exact: true })
    // As password managers do: a value and an event, and no key pressed.
    await field.evaluate((input: any) => {
      input.value = 'a-password-of-somebody'
      for (const name of ['input', 'change'])
        input.dispatchEvent(new (globalThis as any).Event(name, { bubbles: true }))
    })
    expect(await field.inputValue()).toBe('')
    expect(await suite.page.locator('input[type=password]').count()).toBe(0)
    expect(await field.getAttribute('autocomplete')).toBe('off')

    const key = newKey().replace('sk-proj-', 'zz-unheard-of-')
    await paste('Add a key', key)
    await sees('Choose whose key this is.')
    await suite.page.getByLabel('Provider', { exact: true }).selectOption({ label: 'OpenAI' })
    await press('Test and save')
    await sees('is saved.')
    await suite.page.reload()
    await sees(`…${key.slice(-4)}`)
    expect(await listKeys()).toMatchObject([{ provider: 'openai', prefix: '', last4: key.slice(-4) }])
    await expectClean()
  })

  test('a rejected key says since when, and how many requests the server paid for: as many as the log shows', async () => {
    const serverKey = newKey('operator')
    const token = await suite.start({ serverKeys: { openai: serverKey } })
    const key = newKey()
    const { id } = await suite.uniroute.addProviderKey(token, 'openai', key, { label: 'Personal' })
    const { key: apiKey } = await suite.uniroute.createApiKey(token, { name: 'bot' })
    const served = await ask(apiKey)
    expect(served.headers.get('x-uniroute-billed-to')).toBe('user')
    suite.fake.behave(key, () => 'invalid')
    for (let more = 0; more < 3; more++) {
      const reply = await ask(apiKey)
      expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([200, 'server'])
      await suite.uniroute.readReceipt(apiKey, reply.headers.get('x-request-id'))
    }
    await suite.signIn(PAGE, 'Provider keys', { expect: /424/ })
    await sees('OpenAI rejected this key.')
    await sees('3 requests since were paid by')
    await expectClean()
    await suite.page.getByRole('link', { name: 'Show them' }).click()
    await suite.heading('Requests')
    const rows = suite.page.getByRole('table', { name: 'Requests' }).locator('tbody tr')
    await expect.poll(() => rows.count()).toBe(3)
    await expectClean()
    await rows.last().getByRole('button').click()
    const trace = dialog().getByRole('list', { name: 'The way of this request' })
    await trace.waitFor()
    expect(await trace.innerText()).toMatch(/Your key, Personal\s+401 after[^]*Server key\s+200 after/)
    await expectClean()

    // With `never` the key is named, and the server's is not asked.
    const { version } = (await listKeys())[0]
    await suite.uniroute.call('PATCH', `/admin/provider-keys/${id}`, { token, body: { fallback: 'never', version } })
    const before = suite.fake.requestsOf(serverKey).length
    const refused = await ask(apiKey)
    expect(refused.status).toBe(424)
    expect(refused.text).toContain(`Personal`)
    expect(refused.text).toContain(key.slice(-4))
    expect(suite.fake.requestsOf(serverKey)).toHaveLength(before)
  })
})
