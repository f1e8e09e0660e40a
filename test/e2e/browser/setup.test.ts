// The newcomer's path in a real browser: the printed link, the first administrator, the first keys, the first request.
// After every step the page is clean: axe, console, policy, no foreign request, no secret.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createFakeKey, createFakePassword, rememberSecret } from '../../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../../fake-provider/fake-provider.ts'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import { createUniRouteClient } from '../../support/uniroute-client.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun ? 'set-up' : 'set-up: run `npm test`, which installs the browser and builds the dashboard'
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

describe.skipIf(!canRun)(name, () => {
  let fake: FakeProvider
  let browser: Browser
  let uniroute: Started
  let tab: Watched
  const secrets: string[] = []

  beforeAll(async () => {
    fake = await startFakeProvider()
    browser = await launchBrowser()
  })
  afterEach(async () => {
    await tab?.close()
    await uniroute?.stop()
    secrets.length = 0
  })
  afterAll(async () => {
    await browser?.close()
    await fake?.close()
  })

  async function expectClean(): Promise<void> {
    expect(await tab.runAxe()).toEqual([])
    expect(await tab.scrollsSideways()).toBe(false)
    expect(tab.problems).toEqual([])
    for (const secret of secrets) expect(await tab.findSecret(secret)).toEqual([])
  }
  async function paste(label: string, secret: string): Promise<void> {
    await tab.page.getByLabel(label, { exact: true }).evaluate((field: any, text: string) => {
      const data = new (globalThis as any).DataTransfer()
      data.setData('text/plain', text)
      field.dispatchEvent(
        new (globalThis as any).ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      )
    }, secret)
  }
  const press = (button: string): Promise<void> => tab.page.getByRole('button', { name: button, exact: true }).click()
  const sees = (text: string | RegExp): Promise<void> => tab.page.getByText(text).first().waitFor()

  test('from nothing to the first answer: administrator, provider key, API key, the snippet as it is shown', async () => {
    uniroute = await start(fake)
    tab = await browser.open(`${uniroute.url}/setup#${uniroute.code}`)
    await tab.page.getByLabel('E-mail').waitFor()
    expect(tab.page.url()).toBe(`${uniroute.url}/setup`)
    expect(await tab.findSecret(uniroute.code)).toEqual([])
    await expectClean()
    const password = createFakePassword()
    secrets.push(password)
    await tab.page.getByLabel('E-mail').fill('first@example.com')
    await tab.page.getByLabel('Password', { exact: true }).fill(password)
    await press('Create administrator')
    await sees('sealed with AES-256-GCM')
    await expectClean()
    await press('Go on')

    // Resumed where it was, after a reload.
    await sees('Your first provider key')
    await tab.page.reload()
    await sees('Your first provider key')
    const key = createFakeKey('openai', 'ok')
    secrets.push(key)
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
    const dialog = tab.page.getByRole('dialog')
    const apiKey = rememberSecret(await dialog.locator('code').first().innerText())
    expect(await tab.runAxe()).toEqual([])
    const { stdout } = await execute('sh', ['-c', await dialog.getByRole('tabpanel').locator('pre').innerText()])
    expect(JSON.parse(stdout).choices[0].message.content).toContain('Say hello')
    await sees('gpt-4o-mini answered your first request.')
    await tab.page.getByRole('status').getByText(/You$/).waitFor()
    expect(fake.requestsOf(key).filter(({ path }) => path.endsWith('/chat/completions'))).toHaveLength(1)
    await press('I have stored it')

    await tab.page.getByRole('heading', { name: 'Overview' }).waitFor()
    await sees('Last requests')
    expect(await tab.page.getByText('Get started').count()).toBe(0)
    await tab.page.reload()
    await sees('Last requests')
    await expectClean()

    // The playground asks on the key that was pasted.
    await tab.page.getByRole('link', { name: 'Playground' }).first().click()
    await tab.page.getByLabel('Message').fill('Say hello')
    await press('Send')
    const answer = tab.page.getByRole('article').first()
    await answer.getByText(/You/).first().waitFor()
    await answer
      .getByText(/Say hello/)
      .first()
      .waitFor()
    await expectClean()
    const inAnswers = (await tab.findSecret(apiKey)).filter((place) => !place.endsWith('/auth/api-keys'))
    expect(inAnswers).toEqual([])
  })

  test('the link works once, a wrong code not at all; both are told in words', async () => {
    uniroute = await start(fake)
    tab = await browser.open(`${uniroute.url}/setup#made-up-code`, { expect: /403/ })
    await tab.page.getByLabel('E-mail').fill('first@example.com')
    await tab.page.getByLabel('Password', { exact: true }).fill(createFakePassword())
    await press('Create administrator')
    await tab.page.getByRole('alert').waitFor()
    await expectClean()
    const client = createUniRouteClient(uniroute.url, { email: '', password: '' })
    expect((await client.call('GET', '/auth/setup')).body).toEqual({ needed: true })
    await tab.page.getByLabel('Set-up code').fill(uniroute.code)
    await press('Create administrator')
    await sees('sealed with AES-256-GCM')
    await press('Go on')
    await press('Skip this for now')
    await press('Skip this for now')
    await sees('Get started')
    await expectClean()
    await tab.page.goto(`${uniroute.url}/setup#${uniroute.code}`)
    await sees('Set-up is done already')
    await expectClean()
    const again = await client.call('POST', '/auth/setup', {
      body: { code: uniroute.code, email: 'second@example.com', password: createFakePassword() },
    })
    expect(again.status).toBe(409)
  })
})
