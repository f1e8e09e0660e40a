// The newcomer's path in a real browser: the printed link, the first administrator, the first keys, the first request.
// After every step the page is clean.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { createFakePassword } from '../../fake-provider/fake-keys.ts'
import type { FakeProvider } from '../../fake-provider/fake-provider.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { createUniRouteClient } from '../../support/uniroute-client.ts'

const START = fileURLToPath(new URL('../../../scripts/start.mjs', import.meta.url))
const execute = promisify(execFile)

interface Started {
  readonly url: string
  readonly code: string
  stop(): Promise<void>
}

/** As `npm start` does, on a free port and into a folder of its own. */
async function start(fake: FakeProvider): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-setup-'))
  const child: ChildProcess = spawn(process.execPath, [START], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      PORT: '0',
      DATA_DIR: folder,
      OPENAI_BASE_URL: fake.urlOf('openai'),
      ANTHROPIC_BASE_URL: fake.urlOf('anthropic'),
      GOOGLE_BASE_URL: fake.urlOf('google'),
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  let printed = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const findLink = (): RegExpExecArray | null => /(https?:\S+)\/setup#(\S+)(?=\s)/.exec(printed)
  const link = await vi.waitUntil(findLink, { timeout: 60_000 }).catch((error: unknown) => {
    child.kill('SIGTERM')
    throw error
  })
  const [, url, code] = link
  return {
    url: url!,
    code: code!,
    async stop() {
      process.off('exit', killWithUs)
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

describeDashboard('set-up', (suite) => {
  const { expectClean, open, paste, press, sees } = suite
  async function begin(): Promise<Started> {
    const started = await start(suite.fake)
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

  test('from nothing to the first answer: administrator, provider key, API key, the snippet as it is shown', async () => {
    const uniroute = await begin()
    await open(`${uniroute.url}/setup#${uniroute.code}`)
    await suite.page.getByLabel('E-mail').waitFor()
    expect(suite.page.url()).toBe(`${uniroute.url}/setup`)
    expect(await suite.tab.findLeaks([uniroute.code])).toEqual([])
    await expectClean()
    const password = createFakePassword()
    await suite.page.getByLabel('E-mail').fill('first@example.com')
    await suite.page.getByLabel('Password', { exact: true }).fill(password)
    await press('Create administrator')
    await sees('sealed with AES-256-GCM')
    await expectClean()
    await press('Go on')

    // Resumed where it was, after a reload.
    await sees('Your first provider key')
    await suite.page.reload()
    await sees('Your first provider key')
    const key = suite.newKey()
    await paste('Add a key', key)
    await sees('Looks like a key of OpenAI.')
    await press('Test and save')
    await sees('is saved')
    await expectClean()
    await press('Go on')

    await sees('Your first API key')
    await expectClean()
    await press('Create API key')
    await sees('It is shown this once')
    await sees('Waiting for your first request…')
    const dialog = suite.page.getByRole('dialog')
    suite.shownOnce(await dialog.locator('code').first().innerText())
    await expectClean(suite.tab, { shows: true })
    const { stdout } = await execute('sh', ['-c', await dialog.getByRole('tabpanel').locator('pre').innerText()])
    expect(JSON.parse(stdout).choices[0].message.content).toContain('Say hello')
    await sees('gpt-4o-mini answered your first request.')
    await suite.page.getByRole('status').getByText(/You$/).waitFor()
    expect(suite.fake.requestsOf(key).filter(({ path }) => path.endsWith('/chat/completions'))).toHaveLength(1)
    await press('I have stored it')

    await suite.page.getByRole('heading', { name: 'Overview' }).waitFor()
    await sees('Last requests')
    expect(await suite.page.getByText('Get started').count()).toBe(0)
    await suite.page.reload()
    await sees('Last requests')
    await expectClean()

    // The playground asks on the key that was pasted.
    await suite.page.getByRole('link', { name: 'Playground' }).first().click()
    await suite.page.getByLabel('Message').fill('Say hello')
    await press('Send')
    const answer = suite.page.getByRole('article').first()
    await answer.getByText(/You/).first().waitFor()
    await answer
      .getByText(/Say hello/)
      .first()
      .waitFor()
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
