// Routing in a real browser: what the simulator says is what a request then meets; reasons are switches, and what the
// operator has not granted is locked. After every step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard, type TabOptions } from '../../support/dashboard-suite.ts'

describeDashboard('routing', (suite) => {
  const { expectClean, newKey, sees, start } = suite
  const open = (tab: string, options: TabOptions = {}): Promise<unknown> =>
    suite.signIn(`/routing?tab=${tab}`, 'Routing', options)
  const plan = (): any => suite.page.getByRole('list', { name: 'The way a request would take' })

  test('the simulator: a rejected key would leave the server to pay, and then it does; nothing is sent before', async () => {
    const token = await start({ serverKeys: { openai: newKey('operator') } })
    const key = newKey('ok')
    await suite.uniroute.addProviderKey(token, 'openai', key, { label: 'Personal' })
    await open('simulator&model=gpt-4o')
    await sees('Your key, Personal would serve and pay')
    await sees('Nothing was sent')
    await expectClean()
    const sent = suite.fake.requests.length
    const suppose = suite.page.getByLabel('Your key, Personal', { exact: true })
    await suppose.selectOption({ label: 'is rejected (401)' })
    await sees('Server key would serve and pay')
    expect(await plan().innerText()).toMatch(/Your key, Personal\s+Supposed: rejected \(401\)[^]*Server key[^]*gpt-4o/)
    await expectClean()
    await suppose.selectOption({ label: 'is rate limited (429)' })
    await sees('The request would be refused: 429')
    await expectClean()
    expect(suite.fake.requests.length).toBe(sent)

    suite.fake.behave(key, () => 'invalid')
    const reply = await suite.uniroute.call('POST', '/admin/playground/v1/chat/completions', {
      token,
      body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] },
    })
    expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([200, 'server'])
  })

  test('the simulator asks as an API key may: what that may not use is not asked, and what is said then holds', async () => {
    const token = await start({ serverKeys: { openai: newKey('operator') } })
    await suite.uniroute.addProviderKey(token, 'openai', newKey('ok'), { label: 'Personal' })
    const { key } = await suite.uniroute.createApiKey(token, { name: 'for-others', allowed_payers: ['server'] })
    suite.shownOnce(key)
    await open('simulator&model=gpt-4o')
    await sees('Your key, Personal would serve and pay')
    await suite.page.getByLabel('Asked by').selectOption({ label: `for-others, ur_…${key.slice(-4)}` })
    await sees('Server key would serve and pay')
    expect(await plan().innerText()).toMatch(/for-others[^]*Server key[^]*gpt-4o/)
    await expectClean()
    await suite.page.reload()
    await sees('Server key would serve and pay')
    const reply = await suite.uniroute.call('POST', '/v1/chat/completions', {
      token: key,
      body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] },
    })
    expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([200, 'server'])
    await expectClean()
  })

  test('reasons are switches of the account; what is not granted is locked; keys that narrow it stand beside it', async () => {
    const token = await start({ serverKeys: { openai: newKey('operator') } })
    await suite.uniroute.addProviderKey(token, 'openai', newKey('ok'), { label: 'Personal', fallback: 'never' })
    await open('fallback', { width: 320, height: 700, theme: 'dark' })
    await suite.page.getByRole('switch', { name: 'Your key is rejected' }).click()
    const readFallback = async (): Promise<unknown> =>
      (await suite.uniroute.call('GET', '/auth/profile', { token })).body.user.fallback
    await expect.poll(readFallback).toEqual(['no_key', 'outage', 'rate_limited', 'exhausted'])
    expect(await suite.page.getByRole('switch').count()).toBe(3)
    await sees('Not granted (SERVER_FALLBACK)')
    await sees('Never the server')
    await expectClean()
    await suite.page.reload()
    const rejected = suite.page.getByRole('switch', { name: 'Your key is rejected' })
    await rejected.waitFor()
    expect(await rejected.getAttribute('aria-checked')).toBe('false')
    await rejected.click()
    await expect.poll(readFallback).toBe('allow')
    await expectClean()
  })

  test('a strategy is saved and holds after a reload; keys are put in order with buttons', async () => {
    const token = await start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey('ok'), { label: 'First' })
    await suite.uniroute.addProviderKey(token, 'openai', newKey('ok'), { label: 'Second' })
    await open('models')
    await suite.page.getByRole('radio', { name: /The cheapest/ }).check()
    await suite.page.getByRole('button', { name: 'Save' }).click()
    await sees('Saved, in force at once.')
    await expectClean()
    await suite.page.reload()
    await sees('This is your own choice.')
    expect(await suite.page.getByRole('radio', { name: /The cheapest/ }).isChecked()).toBe(true)
    await suite.page.getByRole('tab', { name: 'Key order' }).click()
    await suite.page.getByRole('button', { name: 'Move Second up' }).click()
    const listLabels = async (): Promise<string[]> => {
      const { keys } = (await suite.uniroute.call('GET', '/admin/provider-keys', { token })).body
      return keys.toSorted((a: any, b: any) => a.position - b.position).map(({ label }: any) => label)
    }
    await expect.poll(listLabels).toEqual(['Second', 'First'])
    await expectClean()
  })

  test('keys are put in order by dragging too; Escape lets go of one where it was', async () => {
    const token = await start()
    for (const label of ['First', 'Second', 'Third']) {
      await suite.uniroute.addProviderKey(token, 'openai', newKey('ok'), { label })
    }
    await open('order')
    const { page } = suite
    const rows = page.getByRole('region', { name: 'OpenAI' }).getByRole('listitem')
    const listShown = (): Promise<string[]> =>
      rows.evaluateAll((all: any[]) => all.map((row) => /First|Second|Third/.exec(row.textContent)![0]))
    await expect.poll(listShown).toEqual(['First', 'Second', 'Third'])
    const take = async (label: string): Promise<{ x: number; y: number }> => {
      const handle = await rows.filter({ hasText: label }).locator('[data-handle]').boundingBox()
      const at = { x: handle.x + handle.width / 2, y: handle.y + handle.height / 2 }
      await page.mouse.move(at.x, at.y)
      await page.mouse.down()
      return at
    }
    const height = (await rows.first().boundingBox()).height
    const patches: string[] = []
    page.on('request', (request: any) => request.method() === 'PATCH' && patches.push(request.url()))
    const first = await take('First')
    await page.mouse.move(first.x, first.y + 2.2 * height, { steps: 8 })
    await page.keyboard.press('Escape')
    await page.mouse.up()
    expect(await listShown()).toEqual(['First', 'Second', 'Third'])
    expect(patches).toEqual([])
    const again = await take('First')
    await page.mouse.move(again.x, again.y + 2.2 * height, { steps: 8 })
    await page.mouse.up()
    await expect.poll(listShown).toEqual(['Second', 'Third', 'First'])
    // The one that was let go was not sent.
    expect(patches).toHaveLength(1)
    const { keys } = (await suite.uniroute.call('GET', '/admin/provider-keys', { token })).body
    const inOrder = keys.toSorted((a: any, b: any) => a.position - b.position)
    expect(inOrder.map(({ label }: any) => label)).toEqual(['Second', 'Third', 'First'])
    const third = await take('Third')
    await page.mouse.move(third.x, third.y - 1.2 * height, { steps: 8 })
    await page.mouse.up()
    await expect.poll(listShown).toEqual(['Third', 'Second', 'First'])

    // Somebody else is faster while a row is in the hand: it is let go, and no other is moved in its place.
    const { id, version } = (await suite.uniroute.call('GET', '/admin/provider-keys', { token })).body.keys.find(
      ({ label }: any) => label === 'First',
    )
    const held = await take('Third')
    await page.mouse.move(held.x, held.y + 2.2 * height, { steps: 8 })
    await suite.uniroute.call('PATCH', `/admin/provider-keys/${id}`, { token, body: { position: 1, version } })
    // It is read again at the look back at the tab, once it is some seconds old.
    const lookAgain = async (): Promise<string[]> => {
      await page.evaluate(() => (globalThis as any).document.dispatchEvent(new Event('visibilitychange')))
      return listShown()
    }
    await expect.poll(lookAgain).toEqual(['First', 'Third', 'Second'])
    await page.mouse.move(held.x, held.y + 2.3 * height, { steps: 2 })
    await page.mouse.up()
    expect(await listShown()).toEqual(['First', 'Third', 'Second'])
    expect(patches).toHaveLength(2)
    await expectClean()
  })
})
