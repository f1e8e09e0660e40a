// A newcomer's whole path as one test: `npm start`, the printed link, the administrator, a provider key, an API key,
// every snippet as the page shows it, an answer in the playground. After every step the page is clean.
import { expect, test } from 'vitest'
import { findMeasuringObstacle, readProcessorTime } from '../../../bench/processor-time.ts'
import { createFakePassword } from '../../fake-provider/fake-keys.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { startWithNpm } from '../../support/npm-start.ts'
import { createSnippetDesk } from '../../support/snippet-desk.ts'
import { createUniRouteClient } from '../../support/uniroute-client.ts'

const MOST_SECONDS = 60
const SDK_SNIPPETS = ['curl', 'OpenAI', 'Anthropic', 'Google'] as const

/**
 * The machine time so far: processor time, user and system, of this process and of all that it started or that those
 * started (npm, server, browser, curl, SDKs), ended or not, as the kernel counts it. It is what the path costs, where
 * the time on the wall is what else the machine had to do. Null where the system does not tell it.
 */
function readMachineSeconds(): number | null {
  if (findMeasuringObstacle() !== null) return null
  const { user, system } = readProcessorTime(process.pid)
  return (user + system) / 1e6
}
// Before the browser is started.
const began = readMachineSeconds()

describeDashboard('a newcomer', (suite) => {
  const { dialog, expectClean, open, paste, press, sees } = suite

  test(
    'from npm start to the first answers: administrator, provider key, API key, every snippet, playground',
    { timeout: 240_000 },
    async () => {
      const uniroute = await startWithNpm(suite.fake)
      suite.atEnd(() => uniroute.stop())
      await open(`${uniroute.url}/setup#${uniroute.code}`)
      await suite.page.getByLabel('E-mail').waitFor()
      expect(suite.page.url()).toBe(`${uniroute.url}/setup`)
      await expectClean()
      const account = { email: 'first@example.com', password: createFakePassword() }
      await suite.page.getByLabel('E-mail').fill(account.email)
      await suite.page.getByLabel('Password', { exact: true }).fill(account.password)
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
      suite.shownOnce(await dialog().locator('code').first().innerText())
      await expectClean(suite.tab, { shows: true })
      const desk = createSnippetDesk()
      suite.atEnd(() => desk.remove())
      for (const name of SDK_SNIPPETS) {
        await dialog().getByRole('tab', { name, exact: true }).click()
        const code = await dialog().getByRole('tabpanel').locator('pre').innerText()
        expect(code, name).toContain(uniroute.url)
        expect(await desk.run(name, code, ''), name).toContain('Say hello')
        if (name !== 'curl') continue
        // Told as it happens, with whose key paid.
        await sees('gpt-4o-mini answered your first request.')
        await dialog().getByRole('status').getByText(/You$/).waitFor()
      }
      await expectClean(suite.tab, { shows: true })
      await press('I have stored it')

      await suite.heading('Overview')
      await sees('Last requests')
      expect(await suite.page.getByText('Get started').count()).toBe(0)
      await suite.page.reload()
      await sees('Last requests')
      await expectClean()

      await suite.page.getByRole('link', { name: 'Playground' }).first().click()
      await suite.page.getByLabel('Message').fill('Say hello')
      await press('Send')
      const answer = suite.page.getByRole('article').first()
      await answer
        .getByText(/Say hello/)
        .first()
        .waitFor()
      await answer.getByText('Billed to').waitFor()
      expect(await answer.innerText()).toMatch(/Billed to\s*●\s*You, Unnamed key/)
      await expectClean()

      // What the page says is what the ledger says: each of them was one call on the pasted key, and that paid.
      const client = createUniRouteClient(uniroute.url, account)
      const token = await client.login()
      const listPayers = async (): Promise<string[]> =>
        (await client.call('GET', '/admin/requests', { token })).body.requests.map(
          (request: any) => `${request.status} ${request.billed_to} ${request.api_key_id ? 'program' : 'playground'}`,
        )
      await expect
        .poll(listPayers, { timeout: 20_000 })
        .toEqual(['200 user playground', ...SDK_SNIPPETS.map(() => '200 user program')])
      expect(suite.fake.requestsOf(key).filter(({ operation }) => operation !== 'models')).toHaveLength(
        SDK_SNIPPETS.length + 1,
      )
      expect(suite.fake.violations()).toEqual([])

      // A promise of time, which elsewhere only benchmarks judge. Where the system tells no processor time it is left
      // to the patience of this test, on the wall.
      const spent = readMachineSeconds()
      if (began !== null && spent !== null) expect(spent - began).toBeLessThan(MOST_SECONDS)
    },
  )
})
