// The dashboard below a path of a proxy: addresses, assets, streams and sessions, and a session that ends while
// somebody writes. After every step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { startPrefixProxy, type PrefixProxy } from '../../support/prefix-proxy.ts'

const PREFIX = '/tools/uniroute'

describeDashboard('below a path', (suite) => {
  const { choose, dialog, expectClean, newKey, press, sees } = suite

  async function start(): Promise<{ proxy: PrefixProxy; token: string }> {
    const proxy = await startPrefixProxy(PREFIX, () => suite.uniroute.url)
    suite.atEnd(() => proxy.close())
    const token = await suite.start({ env: { TRUST_PROXY: '127.0.0.1/32' } })
    return { proxy, token }
  }

  test('a deep link, its assets, an answer that streams, a reload and the way back', async () => {
    const { proxy, token } = await start()
    const key = newKey('slow60')
    await suite.uniroute.addProviderKey(token, 'openai', key, { label: 'Work' })
    await suite.signIn('/playground?model=gpt-4o', 'Playground', { at: proxy.url })
    expect(suite.page.url()).toBe(`${proxy.url}/playground?model=gpt-4o`)
    await expectClean()
    await suite.page.getByLabel('Message').fill('Say a good many words, one after the other')
    await press('Send')
    const answer = suite.page.getByRole('article').first()
    await answer.getByText('You, Work').waitFor()
    await expectClean()
    await suite.page.getByRole('link', { name: 'Models', exact: true }).click()
    await suite.heading('Models')
    expect(suite.page.url()).toBe(`${proxy.url}/models`)
    await suite.page.reload()
    await suite.heading('Models')
    await expectClean()
    await suite.page.goBack()
    await suite.heading('Playground')
    // Live events are a stream too.
    await suite.page.goto(`${proxy.url}/requests?live=on`)
    await sees('New requests appear as they end.')
    await expectClean()
    expect(proxy.strayed).toEqual([])
  })

  test('a session that ends in mid-edit: sign-in opens over the page, the draft stays and is saved, nothing loops', async () => {
    const { proxy, token } = await start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey(), { label: 'Work' })
    await suite.signIn('/settings/provider-keys', 'Provider keys', { at: proxy.url, expect: /401/ })
    await choose('Work', 'Name, limits, fallback')
    await dialog().getByLabel('Name', { exact: true }).fill('A name that was not saved yet')
    for (const session of (await suite.uniroute.call('GET', '/auth/sessions', { token })).body.sessions) {
      if (!session.current) await suite.uniroute.call('DELETE', `/auth/sessions/${session.id}`, { token })
    }
    const calls: string[] = []
    suite.page.on('request', (request: any) => calls.push(new URL(request.url()).pathname))
    await press('Save')
    await sees('Your session has ended')
    await expectClean()
    expect(calls.filter((path) => path.endsWith('/auth/refresh')).length).toBeLessThanOrEqual(2)
    const over = dialog().filter({ hasText: 'Your session has ended' })
    await over.getByLabel('Password', { exact: true }).fill(suite.uniroute.adminAccount.password)
    await over.getByRole('button', { name: 'Sign in' }).click()
    await suite.heading('A name that was not saved yet')
    expect(suite.page.url()).toBe(`${proxy.url}/settings/provider-keys`)
    expect(calls.filter((path) => path.endsWith('/provider-keys') || path.includes('/pk_')).length).toBeLessThan(12)
    await suite.page.reload()
    await suite.heading('A name that was not saved yet')
    await expectClean()
    expect(proxy.strayed).toEqual([])
  })
})
