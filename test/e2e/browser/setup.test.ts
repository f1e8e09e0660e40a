// Set-up in a real browser, from the printed link on: what fails, what is refused, what comes of it. The way from there
// to the first answers is in newcomer.test.ts. After every step the page is clean.
import { expect, test } from 'vitest'
import { createFakePassword } from '../../fake-provider/fake-keys.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { type Started, startWithNpm } from '../../support/npm-start.ts'
import { createUniRouteClient } from '../../support/uniroute-client.ts'

describeDashboard('set-up', (suite) => {
  const { expectClean, open, press, sees } = suite
  async function begin(): Promise<Started> {
    const started = await startWithNpm(suite.fake)
    suite.atEnd(() => started.stop())
    return started
  }

  test('what fails while the administrator is made is said there, and what was written stays', async () => {
    const uniroute = await begin()
    await open(`${uniroute.url}/setup#${uniroute.code}`, { expect: /50[0-9]|ERR_/ })
    const written = { 'E-mail': 'first@example.com', 'Name (optional)': 'Nina', Password: createFakePassword() }
    const { page } = suite
    for (const [label, text] of Object.entries(written)) await page.getByLabel(label, { exact: true }).fill(text)
    const keepsDraft = async (): Promise<void> => {
      for (const [label, text] of Object.entries(written))
        expect(await page.getByLabel(label, { exact: true }).inputValue(), label).toBe(text)
    }
    let meets: ((route: any) => Promise<void>) | null = (route) => route.abort('connectionrefused')
    await page.route(/\/auth\/setup$/, (route: any) =>
      meets && route.request().method() === 'POST' ? meets(route) : route.fallback(),
    )
    await press('Create administrator')
    await sees('UniRoute did not answer.')
    await keepsDraft()
    meets = (route) =>
      route.fulfill({
        status: 503,
        headers: { 'x-request-id': 'req_01J8ZZZZZZZZZZZZZZZZZZZZZZ' },
        json: { error: 'The database did not answer.', code: 'storage_unavailable' },
      })
    await press('Try again')
    await sees('req_01J8ZZZZZZZZZZZZZZZZZZZZZZ')
    await keepsDraft()
    meets = null
    await press('Try again')
    await sees('sealed with AES-256-GCM')
    await expectClean()
  })

  test('the link works once, a wrong code not at all; both are told in words', async () => {
    const uniroute = await begin()
    await open(`${uniroute.url}/setup#made-up-code`, { expect: /403/ })
    await suite.page.getByLabel('E-mail').fill('first@example.com')
    await suite.page.getByLabel('Password', { exact: true }).fill(createFakePassword())
    await press('Create administrator')
    await suite.page.getByRole('alert').waitFor()
    await expectClean()
    const client = createUniRouteClient(uniroute.url, { email: '', password: '' })
    expect((await client.call('GET', '/auth/setup')).body).toEqual({ needed: true })
    await suite.page.getByLabel('Set-up code').fill(uniroute.code)
    await press('Create administrator')
    await sees('sealed with AES-256-GCM')
    await press('Go on')
    await press('Skip this for now')
    await press('Skip this for now')
    await sees('Get started')
    await expectClean()
    await suite.page.goto(`${uniroute.url}/setup#${uniroute.code}`)
    await sees('Set-up is done already')
    await expectClean()
    const again = await client.call('POST', '/auth/setup', {
      body: { code: uniroute.code, email: 'second@example.com', password: createFakePassword() },
    })
    expect(again.status).toBe(409)
  })
})
