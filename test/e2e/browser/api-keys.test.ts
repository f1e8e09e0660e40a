// API keys in a real browser: made, copied on plain HTTP, shown once, tried with every snippet, rotated, limited,
// revoked. After every step the page is clean.
import { expect, test } from 'vitest'
import { systemClock } from '../../../server/kernel/clock.ts'
import { type DashboardSuite, describeDashboard } from '../../support/dashboard-suite.ts'
import { startInProcess } from '../../support/in-process-app.ts'
import { createSnippetDesk, type SnippetName, SNIPPETS } from '../../support/snippet-desk.ts'
import type { UniRouteClient } from '../../support/uniroute-client.ts'

/** Leads to this machine, and is not loopback: plain HTTP as it is elsewhere. */
const HOST = 'uniroute.test'
const NAMES = Object.keys(SNIPPETS) as SnippetName[]
const ASKED = Object.values(SNIPPETS).reduce<number>((sum, count) => sum + count, 0)

describeDashboard('API keys', (suite) => {
  const { choose, dialog, expectClean, press, sees } = suite
  let providerKey: string

  async function start(): Promise<string> {
    const token = await suite.start()
    providerKey = suite.newKey()
    await suite.uniroute.addProviderKey(token, 'openai', providerKey, { label: 'Work' })
    return token
  }
  const signIn = (options?: Parameters<DashboardSuite['signIn']>[2]): Promise<unknown> =>
    suite.signIn('/settings/api-keys', 'API keys', options)
  const listKeys = async (): Promise<any[]> =>
    (await suite.uniroute.call('GET', '/auth/api-keys', { token: await suite.uniroute.login() })).body.keys

  async function create(label: string): Promise<string> {
    await press('Create API key')
    await dialog().getByLabel('Name', { exact: true }).fill(label)
    await dialog().getByRole('button', { name: 'Create API key' }).click()
    return readShownKey()
  }
  async function readShownKey(): Promise<string> {
    await sees('It is shown this once')
    return suite.shownOnce(await dialog().locator('code').first().innerText())
  }
  /** What a snippet's tab shows, to the letter. */
  async function readSnippet(label: string): Promise<string> {
    await dialog().getByRole('tab', { name: label, exact: true }).click()
    return dialog().getByRole('tabpanel').locator('pre').innerText()
  }
  /** Of models; their list is asked for by the gateway, in its own time. */
  const countCalls = (): number =>
    suite.fake.requestsOf(providerKey).filter(({ operation }) => operation !== 'models').length
  /** What every tab shows runs as it is shown, on the page's own address and the provider key that was added. */
  async function runSnippets(key: string, apiKey?: string): Promise<void> {
    const desk = createSnippetDesk({ host: HOST, ...(apiKey !== undefined && { apiKey }) })
    suite.atEnd(() => desk.remove())
    const { origin } = new URL(suite.page.url())
    await expect.poll(() => dialog().getByRole('tab').allInnerTexts()).toEqual(NAMES)
    const before = countCalls()
    const shown: [SnippetName, string][] = []
    for (const name of NAMES) shown.push([name, await readSnippet(name)])
    const printed = await Promise.all(
      shown.map(async ([name, code]) => [name, code, await desk.run(name, code, 'gpt-4o-mini')] as const),
    )
    for (const [name, code, said] of printed) {
      expect(code, name).toContain(origin)
      expect(code.includes(key), name).toBe(apiKey === undefined)
      expect(said.match(/Say hello/g) ?? [], name).toHaveLength(SNIPPETS[name])
    }
    expect(countCalls()).toBe(before + ASKED)
  }
  const ask = (key: string, uniroute: UniRouteClient = suite.uniroute): Promise<any> =>
    uniroute.call('POST', '/v1/chat/completions', {
      token: key,
      body: { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] },
    })

  test(
    'a key on plain HTTP: copied, kept by backdrop and Escape, run by every snippet, afterwards only its end',
    { timeout: 240_000 },
    async () => {
      await start()
      const origin = suite.uniroute.url.replace(/localhost|127\.0\.0\.1/, HOST)
      // A header that browsers heed on https only, and say so.
      await signIn({ expect: /Cross-Origin-Opener-Policy/, at: origin })
      expect(await suite.page.evaluate(() => (globalThis as any).isSecureContext)).toBe(false)
      await sees('No API keys yet')
      await expectClean()
      await press('Create API key')
      await dialog().getByRole('button', { name: 'Create API key' }).click()
      await sees('Give it a name, so that you know it again.')
      expect(await listKeys()).toEqual([])
      await expectClean()
      await dialog().getByLabel('Name', { exact: true }).fill('my laptop')
      await dialog().getByRole('button', { name: 'Create API key' }).click()
      const key = await readShownKey()
      expect(key).toMatch(/^ur_/)
      await expectClean(suite.tab, { shows: true })
      await dialog().getByRole('button', { name: 'Copy: The API key' }).click()
      await sees('Copied')
      // What was copied is what is pasted.
      await suite.page.evaluate(() => {
        const field = (globalThis as any).document.createElement('textarea')
        field.id = 'paste-here'
        ;(globalThis as any).document.querySelector('[role=dialog]').append(field)
        field.focus()
      })
      await suite.page.keyboard.press('Control+V')
      expect(await suite.page.locator('#paste-here').inputValue()).toBe(key)
      await suite.page.evaluate(() => (globalThis as any).document.querySelector('#paste-here').remove())
      await suite.page.keyboard.press('Escape')
      await suite.page.mouse.click(4, 4)
      expect(await readShownKey()).toBe(key)
      await runSnippets(key)
      await press('I have stored it')
      await dialog().waitFor({ state: 'detached' })
      await sees(`ur_…${key.slice(-4)}`)
      await suite.page.reload()
      await sees(`ur_…${key.slice(-4)}`)
      await expectClean()
      await press('Snippets for my laptop')
      // Later they read the key from where it was stored.
      await runSnippets(key, key)
      await expectClean()
      expect(suite.fake.violations()).toEqual([])
      const listPayers = async (): Promise<string[]> =>
        (
          await suite.uniroute.call('GET', '/admin/requests', { token: await suite.uniroute.login() })
        ).body.requests.map((request: any) => `${request.status} ${request.billed_to}`)
      await expect.poll(listPayers, { timeout: 20_000 }).toEqual(Array.from({ length: 2 * ASKED }, () => '200 user'))
    },
  )

  test('the test request of a new key tells who paid', async () => {
    await start()
    await signIn()
    await create('tried')
    await press('Send a test request')
    await sees('gpt-4o-mini answered.')
    expect(await dialog().getByText('Paid by').innerText()).toMatch(/Paid by\s*●\s*You/)
    expect(countCalls()).toBe(1)
    await expectClean(suite.tab, { shows: true })
  })

  test('rotated: old and new work during the overlap, only the new one after the next rotation', async () => {
    const token = await start()
    const { key: first } = await suite.uniroute.createApiKey(token, { name: 'bot' })
    await signIn()
    await choose('bot', 'Rotate')
    await expectClean()
    await dialog().getByLabel('The old key works').selectOption('900')
    await dialog().getByRole('button', { name: 'Rotate' }).click()
    const second = await readShownKey()
    await press('I have stored it')
    await sees(/The old key works until/)
    expect([(await ask(first)).status, (await ask(second)).status]).toEqual([200, 200])
    await expectClean()
    await choose('bot', 'Rotate')
    await dialog().getByLabel('The old key works').selectOption('0')
    await dialog().getByRole('button', { name: 'Rotate' }).click()
    const third = await readShownKey()
    await press('I have stored it')
    expect([(await ask(first)).status, (await ask(second)).status, (await ask(third)).status]).toEqual([401, 401, 200])
    await expectClean()
  })

  test('rotated: old and new work during the overlap, only the new one when its time is over', async () => {
    let passed = 0
    const clock = { now: () => systemClock.now() + passed, monotonic: () => systemClock.monotonic() + passed }
    const app = await startInProcess({ fake: suite.fake, clock })
    suite.atEnd(() => app.close())
    const token = await app.login()
    await app.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work' })
    const { key: first } = await app.createApiKey(token, { name: 'bot' })
    // The session's token has a time of its own, and is renewed.
    await signIn({ at: app.url, who: app.adminAccount, expect: /401/ })
    await choose('bot', 'Rotate')
    await dialog().getByLabel('The old key works').selectOption('900')
    await dialog().getByRole('button', { name: 'Rotate' }).click()
    const second = await readShownKey()
    await press('I have stored it')
    await sees('The old key works until in 15 minutes')
    const statuses = async (): Promise<number[]> => [(await ask(first, app)).status, (await ask(second, app)).status]
    expect(await statuses()).toEqual([200, 200])
    passed += 14.5 * 60_000
    expect(await statuses()).toEqual([200, 200])
    passed += 60_000
    expect(await statuses()).toEqual([401, 200])
    await suite.page.reload()
    await sees(`ur_…${second.slice(-4)}`)
    expect(await suite.page.getByText(/The old key works/).count()).toBe(0)
    await expectClean()
  })

  test('a limit bites and says when it ends; "No limit" takes it away and survives a reload', async () => {
    const token = await start()
    const { key } = await suite.uniroute.createApiKey(token, { name: 'bot' })
    await signIn({ width: 320, height: 700, theme: 'dark' })
    await choose('bot', 'Name, limits, access')
    await dialog().getByText('Limits', { exact: true }).click()
    const perDay = dialog().getByRole('group', { name: 'Requests per day' })
    await perDay.getByRole('switch', { name: 'No limit' }).click()
    await press('Save')
    await sees('Give a whole number from 1 on')
    await perDay.getByLabel('At most').fill('1')
    await expectClean()
    await press('Save')
    await sees('of 1 requests today')
    const served = await ask(key)
    expect(served.status).toBe(200)
    const refused = await ask(key)
    expect(refused.status).toBe(429)
    const retryAfter = Number(refused.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThan(0)
    const resetsAt = Math.round((Date.now() + retryAfter * 1000) / 60_000) * 60_000
    // Written within a second or so, and read with the session: the key itself may ask no more today.
    const receipt = `/admin/playground/v1/generations/${served.headers.get('x-request-id')}`
    const readStatus = async (): Promise<number> => (await suite.uniroute.call('GET', receipt, { token })).status
    await expect.poll(readStatus, { timeout: 20_000 }).toBe(200)
    await suite.page.reload()
    await sees('1 of 1 requests today')
    // The page says the moment that the refused caller was told to wait for.
    const reset = suite.page.locator('time', { hasText: 'Starts again on' })
    expect(Date.parse(await reset.getAttribute('datetime'))).toBe(resetsAt)
    expect(await reset.innerText()).toBe(await suite.page.evaluate(sayMoment, resetsAt))
    await expectClean()
    await choose('bot', 'Name, limits, access')
    await perDay.getByRole('switch', { name: 'No limit' }).click()
    await press('Save')
    // The switch in the dialog says the same: saved is what is said when it is gone.
    await dialog().waitFor({ state: 'hidden' })
    await sees('No limit')
    await suite.page.reload()
    await sees('No limit')
    expect(await listKeys()).toMatchObject([{ rate_limit_per_day: null }])
    expect((await ask(key)).status).toBe(200)
    await expectClean()
  })

  test('several are revoked at once, after a look at their use; Cancel sends nothing', async () => {
    const token = await start()
    const kept = await suite.uniroute.createApiKey(token, { name: 'kept' })
    const used = await suite.uniroute.createApiKey(token, { name: 'used' })
    await suite.uniroute.createApiKey(token, { name: 'unused' })
    const { headers } = await ask(used.key)
    await suite.uniroute.readReceipt(used.key, headers.get('x-request-id'))
    await signIn({ expect: /ERR_FAILED/ })
    await suite.page.getByRole('checkbox', { name: 'Choose used', exact: true }).click()
    await suite.page.getByRole('checkbox', { name: 'Choose unused', exact: true }).click()
    await press('Revoke them')
    await sees('Revoke 2 keys?')
    await sees('1 request was made')
    expect(await suite.readFocus()).toBe('Cancel')
    await expectClean()
    await press('Cancel')
    expect(await listKeys()).toHaveLength(3)
    // Where one of the calls is lost, trying again goes on with what is left.
    let calls = 0
    await suite.page.route('**/auth/api-keys/*', (route: any) => {
      if (route.request().method() === 'DELETE' && ++calls === 2) return route.abort()
      return route.continue()
    })
    await press('Revoke them')
    await press('Revoke for good')
    await dialog().getByRole('button', { name: 'Try again' }).click()
    await sees(/are revoked/)
    expect(calls).toBe(3)
    expect(await listKeys()).toMatchObject([{ name: 'kept' }])
    expect([(await ask(used.key)).status, (await ask(kept.key)).status]).toEqual([401, 200])
    await suite.page.getByRole('checkbox', { name: 'Show 2 revoked keys' }).click()
    await sees('Revoked')
    expect(suite.page.url()).toContain('revoked=true')
    await expectClean()
  })

  test('a change that somebody else was faster with is told, and the draft kept', async () => {
    const token = await start()
    const { id } = await suite.uniroute.createApiKey(token, { name: 'bot' })
    await signIn({ expect: /409/ })
    await choose('bot', 'Name, limits, access')
    await dialog().getByLabel('Name', { exact: true }).fill('mine')
    await suite.uniroute.call('PATCH', `/auth/api-keys/${id}`, { token, body: { name: 'theirs' } })
    await press('Save')
    await sees('Your edit is kept here.')
    expect(await dialog().getByLabel('Name', { exact: true }).inputValue()).toBe('mine')
    await expectClean()
    await press('Save over it')
    await suite.page.getByRole('heading', { name: 'mine', exact: true }).waitFor()
    expect(await listKeys()).toMatchObject([{ name: 'mine' }])
  })
})

/** In the browser: as its own language and time zone say it. */
function sayMoment(moment: number): string {
  const lang = (globalThis as any).document.documentElement.lang
  const format = new Intl.DateTimeFormat(lang, {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  return `Starts again on ${format.format(new Date(moment))}`
}
