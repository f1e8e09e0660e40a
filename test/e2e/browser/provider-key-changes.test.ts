// What changes of a key mean for the next request: renamed, replaced, switched off, deleted. What a page announced
// before is what the ledger says and what then happens. After every step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'

const PAGE = '/settings/provider-keys'

describeDashboard('changes of provider keys', (suite) => {
  const { choose, dialog, expectClean, newKey, paste, press, sees } = suite
  const listKeys = async (): Promise<any[]> =>
    (await suite.uniroute.call('GET', '/admin/provider-keys', { token: await suite.uniroute.login() })).body.keys
  const ask = (apiKey: string): Promise<any> =>
    suite.uniroute.call('POST', '/v1/chat/completions', {
      token: apiKey,
      body: { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] },
    })
  const asked = (key: string): number =>
    suite.fake.requestsOf(key).filter(({ path }) => path.endsWith('/chat/completions')).length

  test('renamed, the key still serves; replaced, the next call carries the new secret; a failed one only when forced', async () => {
    const token = await suite.start()
    const first = newKey()
    const { id } = await suite.uniroute.addProviderKey(token, 'openai', first, { label: 'Work' })
    const { key: apiKey } = await suite.uniroute.createApiKey(token, { name: 'bot' })
    await suite.signIn(PAGE, 'Provider keys')
    const sent: string[] = []
    suite.page.on('request', (request: any) => request.method() !== 'GET' && sent.push(request.postData() ?? ''))
    await choose('Work', 'Name, limits, fallback')
    await dialog().getByLabel('Name', { exact: true }).fill('Renamed')
    await press('Save')
    await suite.heading('Renamed')
    expect(sent.filter((body) => body.includes('api_key'))).toEqual([])
    expect((await ask(apiKey)).status).toBe(200)
    expect(asked(first)).toBe(1)

    const second = newKey()
    await press('Replace Renamed')
    await paste('New key', second)
    await press('Test and replace')
    await sees('Renamed has its new key.')
    expect((await ask(apiKey)).status).toBe(200)
    expect([asked(first), asked(second)]).toEqual([1, 1])
    await expectClean()

    const dead = newKey('invalid')
    await press('Replace Renamed')
    await paste('New key', dead)
    await press('Test and replace')
    await sees('the old key goes on')
    expect((await ask(apiKey)).status).toBe(200)
    expect(asked(second)).toBe(2)
    await press('Replace without a passing test')
    await dialog().waitFor({ state: 'detached' })
    expect(await listKeys()).toMatchObject([{ id, last4: dead.slice(-4), key_version: 3 }])
    expect((await ask(apiKey)).status).toBe(424)
    await expectClean()
  })

  test('the preview says what the ledger says; Cancel sends nothing; after deleting, the next request goes where it said', async () => {
    const serverKey = newKey('operator')
    const token = await suite.start({ serverKeys: { openai: serverKey } })
    await suite.uniroute.addProviderKey(token, 'openai', newKey(), { label: 'Work' })
    const { key: apiKey } = await suite.uniroute.createApiKey(token, { name: 'bot' })
    for (let more = 0; more < 2; more++) {
      const { headers } = await ask(apiKey)
      await suite.uniroute.readReceipt(apiKey, headers.get('x-request-id'))
    }
    const { body: ledger } = await suite.uniroute.call('GET', '/admin/usage?group_by=provider_key', { token })
    expect(ledger.groups.find((group: any) => group.provider_key !== null).requests).toBe(2)

    await suite.signIn(PAGE, 'Provider keys')
    const changes: string[] = []
    suite.page.on('request', (request: any) => request.method() !== 'GET' && changes.push(request.method()))
    await choose('Work', 'Disable')
    await sees('1 API key used this in the last 7 days')
    await sees('(2 requests).')
    expect(await dialog().innerText()).toMatch(/They would use:[^]*Server[^]*2/)
    await expectClean()
    await press('Cancel')
    expect(changes).toEqual([])
    await choose('Work', 'Delete')
    await sees('(2 requests).')
    expect(await dialog().innerText()).toMatch(/They would use:[^]*Server[^]*2/)
    expect(await suite.readFocus()).toBe('Cancel')
    await expectClean()
    await press('Delete for good')
    await sees('Work is deleted.')
    const reply = await ask(apiKey)
    expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([200, 'server'])
    expect(asked(serverKey)).toBe(1)
    await expectClean()
  })
})
