// Two tabs of one browser, one session: what a log-out in one of them leaves in the other, and what becomes of the
// session when both need a new token at the same moment; with the browser's locks, and on plain HTTP without.
import { expect, test } from 'vitest'
import { meetOnce, type Watched } from '../../support/browser.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'

const ROUNDS = 4

describeDashboard('two tabs', (suite) => {
  const { expectClean, heading, newKey, press, sees, signIn } = suite

  /** Everything the stores of a page hold, and what of the server's answers is kept. */
  const readHeld = (tab: Watched): Promise<{ stores: Record<string, unknown>; answers: string[] }> =>
    tab.page.evaluate(() => {
      const { $pinia } = (globalThis as any).document.querySelector('#app').__vue_app__.config.globalProperties
      const { _pc_query: _queries, _pc_mutation: _mutations, ...stores } = $pinia.state.value
      const cache = $pinia._s.get('_pc_query')
      return { stores: JSON.parse(JSON.stringify(stores)), answers: cache.getEntries().map(({ key }: any) => key[0]) }
    })

  test('a log-out in one clears every store in both, shows neither anything of the account, and signs both out', async () => {
    const token = await suite.start()
    const key = newKey()
    await suite.uniroute.addProviderKey(token, 'openai', key, { label: 'Work account' })
    const first = await signIn('/settings/provider-keys', 'Provider keys', { expect: /401/ })
    await press('Test Work account')
    await sees('Working')
    const second = await suite.open('/settings/provider-keys', { sibling: first, beside: true, expect: /401/ })
    await heading('Provider keys', second)
    await sees('Work account', second)
    await expectClean(second)
    const before = await readHeld(first)
    expect(JSON.stringify(before.stores['provider-keys'])).toContain('"valid":true')
    expect(before.answers).toContain('provider-keys')

    await press('Sign out', second)
    const fresh = { toasts: { toasts: [] }, 'provider-keys': { tests: {} } }
    for (const tab of [first, second]) {
      await heading('Sign in', tab)
      expect(new URL(tab.page.url()).pathname).toBe('/sign-in')
      const after = await readHeld(tab)
      for (const [name, state] of Object.entries(after.stores)) {
        if (name === 'session') expect(state).toEqual({ state: 'out', user: null })
        else expect(state, name).toEqual(fresh[name as keyof typeof fresh] ?? {})
      }
      expect(after.answers).toEqual(['sign-in-options'])
      expect(await tab.page.content()).not.toContain('Work account')
      await expectClean(tab)
      // The way back shows nothing of it either.
      await tab.page.goBack()
      await heading('Sign in', tab)
      expect(await tab.page.content()).not.toContain('Work account')
    }
    const { status } = await suite.uniroute.call('GET', '/auth/profile', { token })
    expect(status).toBe(200)
  })

  test('a log-out that the server does not hear of is said, and the next one counts', async () => {
    await suite.start()
    const { page } = await signIn('/', 'Overview', { expect: /401|ERR_FAILED/ })
    await meetOnce(page, '**/auth/logout', (route) => route.abort())
    await press('Sign out')
    await sees('You are still signed in')
    await heading('Overview')
    await press('Sign out')
    await heading('Sign in')
  })

  test.each([
    ['with locks', '127.0.0.1'],
    ['on plain HTTP, without', 'uniroute.test'],
  ])('both refreshing at once stay signed in, %s', async (_case, host) => {
    await suite.start()
    const at = suite.uniroute.url.replace(/localhost|127\.0\.0\.1/, host)
    // Browsers say of plain HTTP what it lacks.
    const options = { at, expect: /401|Cross-Origin-Opener-Policy/ }
    const first = await signIn('/', 'Overview', options)
    await expectClean(first)
    expect(await first.page.evaluate(() => 'locks' in (globalThis as any).navigator)).toBe(host === '127.0.0.1')
    const second = await suite.open('/', { ...options, sibling: first, beside: true })
    const both = [first, second]
    await heading('Overview', second)
    const refreshes: string[] = []
    for (const { page } of both) {
      page.on('request', (request: any) => request.url().endsWith('/auth/refresh') && refreshes.push(request.url()))
    }
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(both.map(({ page }) => page.reload()))
      for (const tab of both) await heading('Overview', tab)
    }
    expect(refreshes.length).toBeGreaterThanOrEqual(ROUNDS)
    // Under the hands: the same token is refused in both at the same time.
    const refused = { status: 401, json: { error: 'Your session has expired.', code: 'session_expired' } }
    for (const { page } of both) {
      await meetOnce(page, /\/admin\/requests/, (route) => route.fulfill(refused))
    }
    await Promise.all(both.map(({ page }) => page.getByRole('link', { name: 'Requests', exact: true }).first().click()))
    for (const tab of both) {
      await heading('Requests', tab)
      await sees('No request has come through yet.', tab)
      expect(await tab.page.getByRole('dialog').count()).toBe(0)
      await expectClean(tab)
    }
    const { body } = await suite.uniroute.call('GET', '/auth/sessions', { token: await suite.uniroute.login() })
    // The one of both tabs, and those of this test's own sign-ins.
    expect(body.sessions.length).toBe(3)
  })

  test('a session that cannot be read is told, and another try brings the page', async () => {
    await suite.start()
    const tab = await signIn('/', 'Overview', { expect: /503|ERR_FAILED/ })
    for (const answer of [
      (route: any) =>
        route.fulfill({ status: 503, json: { error: 'The database is away.', code: 'storage_unavailable' } }),
      (route: any) => route.abort(),
    ]) {
      await meetOnce(tab.page, '**/auth/refresh', answer)
      await tab.page.reload()
      await heading('This page did not come up')
      await expectClean()
      await press('Try again')
      await heading('Overview')
    }
    // A part of the program that does not load.
    await meetOnce(tab.page, '**/assets/usage-*.js', (route) => route.abort())
    await tab.page.getByRole('link', { name: 'Usage', exact: true }).first().click()
    await heading('This page did not come up')
    await expectClean()
    await press('Try again')
    await heading('Usage')
    await expectClean()
  })
})
