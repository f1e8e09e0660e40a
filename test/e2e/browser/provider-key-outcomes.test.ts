// What a provider says of a key, in words: of a pasted one before it is saved, and of a saved one that is rejected
// while the server stands in for it. After every step the page is clean.
import { expect, test } from 'vitest'
import { createFakePassword, rememberSecret } from '../../fake-provider/fake-keys.ts'
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
      const key = newKey(scenario)
      await paste('Add a key', key)
      await press('Test and save')
      await sees(says)
      await sees('Nothing was saved.')
      await sees(`characters, ends ${key.slice(-4)}`)
      expect(await listKeys(), scenario).toEqual([])
      expect(await suite.page.getByRole('button', { name: 'Save untested' }).count()).toBe(offersUntested ? 1 : 0)
      await expectClean()
      await press('Clear')
      expect(await suite.page.getByText(says).count()).toBe(0)
    }
    expect(await listKeys()).toEqual([])
    expect(suite.fake.requests.every(({ path }) => path.includes('/models'))).toBe(true)
  })

  test('a key of no known look is tested without a call that costs, saved for the provider that is chosen, and stays so', async () => {
    await suite.start()
    await suite.signIn(PAGE, 'Provider keys')
    const key = rememberSecret(newKey().replace('sk-proj-', 'zz-unheard-of-'))
    await paste('Add a key', key)
    await sees('Choose whose key this is.')
    expect(suite.fake.requestsOf(key)).toEqual([])
    await expectClean()
    await suite.page.getByLabel('Provider', { exact: true }).selectOption({ label: 'OpenAI' })
    await suite.page.getByLabel('Name (optional)').fill('Of no known look')
    await press('Test and save')
    await sees('is saved.')
    const row = suite.page.getByRole('listitem').filter({ hasText: 'Of no known look' })
    await row.getByText(`…${key.slice(-4)}`).waitFor()
    await suite.heading('Of no known look')
    const saved = await listKeys()
    expect(saved).toMatchObject([{ provider: 'openai', prefix: '', last4: key.slice(-4), label: 'Of no known look' }])
    await suite.page.reload()
    await suite.heading('Of no known look')
    await row.getByText(`…${key.slice(-4)}`).waitFor()
    expect(await listKeys()).toEqual(saved)
    await expectClean()
    // All that the provider ever heard of it.
    const heard = suite.fake.requestsOf(key).map(({ method, operation }) => `${method} ${operation}`)
    expect(new Set(heard)).toEqual(new Set(['GET models']))
  })

  test('what fills itself in never enters the field of a key, whatever it plays; what a hand types does', async () => {
    await suite.start()
    await suite.signIn(PAGE, 'Provider keys')
    const field = suite.page.getByLabel('Add a key', { exact: true })
    // What makes a field look like one for a password.
    expect(await suite.page.locator('input[type=password]').count()).toBe(0)
    expect(await field.getAttribute('autocomplete')).toBe('off')
    for (const mark of ['data-1p-ignore', 'data-lpignore', 'data-bwignore', 'data-form-type'])
      expect(await field.getAttribute(mark), mark).not.toBeNull()
    const credential = createFakePassword()
    // Some write and tell of it; Chromium's own way plays a press of no key before and after; extensions play whole
    // keys.
    for (const played of ['nothing', 'no key', 'keys'] as const) {
      // Somebody who goes through the page with Tab has been in the field.
      await field.focus()
      await suite.page.keyboard.press('Shift+Tab')
      await suite.page.keyboard.press('Tab')
      for (const isTold of [true, false]) await field.evaluate(fillIn, { value: credential, played, isTold })
      await suite.page.keyboard.press('Tab')
      expect(await field.inputValue(), played).toBe('')
      expect(await suite.page.getByText(/characters, ends/).count(), played).toBe(0)
      await expectClean()
    }
    // Filled in over what somebody had begun to type.
    await field.focus()
    await suite.page.keyboard.type('sk-proj-')
    await field.evaluate(fillIn, { value: credential, played: 'keys', isTold: true })
    expect(await field.inputValue()).toBe('')
    expect(await suite.page.getByText(/characters, ends/).count()).toBe(0)
    expect(suite.fake.requestsOf(credential)).toEqual([])

    const key = newKey()
    await field.focus()
    await suite.page.keyboard.type(key)
    await suite.page.keyboard.press('Enter')
    await sees(`characters, ends ${key.slice(-4)}`)
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
    // A test that comes to nothing new is answered too.
    suite.fake.behave(key, () => 'reset')
    await press('Test Personal')
    await sees('OpenAI could not be reached')
    await sees('OpenAI rejected this key.')
    await expectClean()
    suite.fake.behave(key, () => 'invalid')
    await suite.page.getByRole('link', { name: 'Show them' }).click()
    await suite.heading('Requests')
    const rows = suite.page.getByRole('table', { name: 'Requests' }).locator('tbody tr')
    await expect.poll(() => rows.count()).toBe(3)
    await expectClean()
    await rows.last().getByRole('button').click()
    const trace = dialog().getByRole('list', { name: 'The way of this request' })
    await trace.waitFor()
    expect(await trace.innerText()).toMatch(/Your key, Personal\s+401 after[^]*Server key\s+200 after/)
    // The marks beside the words: a cross on a broken line, then the square of the server.
    const [failed, stoodIn] = [trace.getByRole('listitem').nth(1), trace.getByRole('listitem').nth(2)]
    expect(await failed.locator('.trace-mark .fill-danger').count()).toBe(1)
    expect(await stoodIn.locator('.trace-mark .fill-server rect').count()).toBe(1)
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

  test('a provider that is down is a line over its keys, which works no change on theirs; other sections say nothing', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey('down503'), { label: 'Work' })
    await suite.uniroute.addProviderKey(token, 'google', newKey('ok', 'google'), { label: 'Personal' })
    const { key: apiKey } = await suite.uniroute.createApiKey(token, { name: 'bot' })
    for (let call = 0; call < 25; call++) await ask(apiKey)
    await suite.signIn(PAGE, 'Provider keys')
    const section = (name: string) => suite.page.getByRole('region', { name, exact: true })
    await section('OpenAI')
      .getByRole('status')
      .filter({ hasText: 'OpenAI doesn’t answer for gpt-4o-mini just now.' })
      .waitFor()
    expect(await section('OpenAI').getByRole('article').innerText()).not.toMatch(/Rejected|Rate limited|No credit/)
    expect(await section('Google').getByRole('status').count()).toBe(0)
    await expectClean()
  })
})

/**
 * In the browser: a value that no hand wrote, with the events that fillers play round it; told by `input` or only by
 * `change`.
 */
function fillIn(
  field: any,
  { value, played, isTold }: { value: string; played: 'nothing' | 'no key' | 'keys'; isTold: boolean },
): void {
  const { Event, KeyboardEvent } = globalThis as any
  const play = (name: string): void => {
    if (played === 'no key') field.dispatchEvent(new Event(name, { bubbles: true }))
    if (played === 'keys') field.dispatchEvent(new KeyboardEvent(name, { key: 'a', bubbles: true }))
  }
  play('keydown')
  field.value = value
  if (isTold) field.dispatchEvent(new Event('input', { bubbles: true }))
  play('keyup')
  field.dispatchEvent(new Event('change', { bubbles: true }))
}
