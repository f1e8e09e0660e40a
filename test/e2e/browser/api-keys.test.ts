// API keys in a real browser: made, copied on plain HTTP, shown once, tried with every snippet, rotated, limited, revoked.
// After every step the page is clean.
import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { describeDashboard, type TabOptions } from '../../support/dashboard-suite.ts'

/** The official SDKs, which the snippets import. */
const CLIENTS = fileURLToPath(new URL('../../clients/', import.meta.url))
const execute = promisify(execFile)

describeDashboard('API keys', (suite) => {
  const { choose, dialog, expectClean, press, sees } = suite
  let providerKey: string

  async function start(): Promise<string> {
    const token = await suite.start()
    providerKey = suite.newKey()
    await suite.uniroute.addProviderKey(token, 'openai', providerKey, { label: 'Work' })
    return token
  }
  const signIn = (options: TabOptions = {}): Promise<unknown> => suite.signIn('/settings/api-keys', 'API keys', options)
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
  const ask = (key: string): Promise<any> =>
    suite.uniroute.call('POST', '/v1/chat/completions', {
      token: key,
      body: { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] },
    })

  test('a key on plain HTTP: copied, kept by backdrop and Escape, afterwards only its end', async () => {
    await start()
    const origin = suite.uniroute.url.replace(/localhost|127\.0\.0\.1/, 'uniroute.test')
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
    await sees('It is shown this once')
    expect(await readSnippet('curl')).toContain(`curl ${origin}/v1/chat/completions`)
    await press('I have stored it')
    await dialog().waitFor({ state: 'detached' })
    await sees(`ur_…${key.slice(-4)}`)
    await suite.page.reload()
    await sees(`ur_…${key.slice(-4)}`)
    await expectClean()
    await press('Snippets for my laptop')
    const later = await readSnippet('curl')
    expect(later).toContain('$UNIROUTE_API_KEY')
    expect(later).not.toContain(key)
    await expectClean()
  })

  test('every snippet runs as it is shown; the test request tells who paid', async () => {
    await start()
    await signIn()
    const key = await create('snippets')
    await press('Send a test request')
    await sees('gpt-4o-mini answered.')
    const before = suite.fake.requestsOf(providerKey).length
    const { stdout } = await execute('sh', ['-c', await readSnippet('curl')])
    expect(JSON.parse(stdout).choices[0].message.content).toContain('Say hello')
    for (const label of ['OpenAI', 'Anthropic', 'Google']) {
      const file = join(CLIENTS, `snippet-${label.toLowerCase()}-${process.pid}.mjs`)
      const answer = await runScript(file, await readSnippet(label))
      expect(answer, label).toContain('Say hello')
    }
    expect(suite.fake.requestsOf(providerKey)).toHaveLength(before + 4)
    expect(await readSnippet('.env')).toContain(`OPENAI_API_KEY=${key}`)
    await expectClean(suite.tab, { shows: true })
    expect(suite.fake.violations()).toEqual([])
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
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    // Written within a second or so, and read with the session: the key itself may ask no more today.
    const receipt = `/admin/playground/v1/generations/${served.headers.get('x-request-id')}`
    const readStatus = async (): Promise<number> => (await suite.uniroute.call('GET', receipt, { token })).status
    await expect.poll(readStatus, { timeout: 20_000 }).toBe(200)
    await suite.page.reload()
    await sees('1 of 1 requests today')
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
    await signIn()
    await suite.page.getByRole('checkbox', { name: 'Choose used', exact: true }).click()
    await suite.page.getByRole('checkbox', { name: 'Choose unused', exact: true }).click()
    await press('Revoke them')
    await sees('Revoke 2 keys?')
    await sees('1 request was made')
    expect(await suite.readFocus()).toBe('Cancel')
    await expectClean()
    await press('Cancel')
    expect(await listKeys()).toHaveLength(3)
    await press('Revoke them')
    await press('Revoke for good')
    await sees(/are revoked/)
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

/** As a person runs it: saved beside the SDKs, started with Node. */
async function runScript(file: string, code: string): Promise<string> {
  writeFileSync(file, code)
  try {
    return (await execute(process.execPath, [file])).stdout
  } finally {
    rmSync(file)
  }
}
