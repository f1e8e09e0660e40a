// What administrators do, in a real browser: users and their sessions, the server's keys, settings, health, and a
// change of the master key through which every key works. After every step the page is clean.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../server/database/database.ts'
import { rememberSecret } from '../../fake-provider/fake-keys.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { startUniRoute } from '../../support/uniroute-process.ts'
import { startVaultInstance, storeSealedKeys } from '../../support/vault-instances.ts'

const OLD_SECRET = 'b5f1c0de9a47382e6d10fb94c7a2e853'
/** Those that are used afterwards, and those that make the work as long as two batches. */
const OWN_KEYS = 21
const OTHER_KEYS = 400
const MIDWAY = 200
const NEW_SECRET = '1c8e40b7f9d25a63e07b94d1c6f83a52'

describeDashboard('the admin pages', (suite) => {
  const { choose, dialog, expectClean, heading, newKey, press, sees, signIn } = suite

  test('a user is made with a link, signed out, switched off and on; nobody else reaches the page', async () => {
    await suite.start()
    const user = await suite.uniroute.createUser()
    await signIn('/operator/users')
    await sees(user.email)
    await expectClean()
    await press('Create user')
    await dialog().getByLabel('E-mail').fill('new@example.com')
    await expectClean()
    await dialog().getByRole('button', { name: 'Create user' }).click()
    await sees('new@example.com can sign in')
    expect(await dialog().locator('code').innerText()).toMatch(/\/reset#/)
    await expectClean(suite.tab, { shows: true })
    await press('I have sent it')
    await choose(user.email, 'Sessions')
    await dialog()
      .getByRole('button', { name: /^End the session of/ })
      .click()
    await sees('They are signed in nowhere.')
    await expectClean()
    expect((await suite.uniroute.call('GET', '/auth/profile', { token: user.token })).status).toBe(401)
    await press('Close')
    await choose(user.email, 'Disable')
    await sees('They are signed out everywhere')
    expect(await suite.readFocus()).toBe('Cancel')
    await expectClean()
    await press('Disable')
    await sees(`${user.email} is off.`)
    await choose(user.email, 'Enable')
    await expect
      .poll(() =>
        suite.page
          .getByRole('row', { name: new RegExp(user.email) })
          .getByText('Active')
          .count(),
      )
      .toBe(1)
    await signIn('/operator/users', undefined, { who: user, width: 320, height: 700, expect: /403|ApiError/ })
    await suite.page.getByRole('alert').waitFor()
    expect(await suite.page.getByText('Server keys').count()).toBe(0)
    await expectClean()
  })

  test('what changes accounts asks for the password again where the sign-in is old, and then goes on by itself', async () => {
    await suite.start()
    const user = await suite.uniroute.createUser()
    await signIn('/operator/users', undefined, { expect: /403/ })
    await sees(user.email)
    const file = readdirSync(suite.uniroute.dataDir).find((entry) => entry.endsWith('.db'))!
    const database = await openDatabase({ file: join(suite.uniroute.dataDir, file) })
    const at = Date.now() - 600_000
    await database.query.updateTable('sessions').set({ authenticated_at: at }).execute()
    await database.close()
    const seen = suite.page.waitForResponse((answer: any) => answer.status() === 403)
    // What is known of a session is believed for some seconds.
    await sleep(6_000)
    await choose(user.email, 'Reset link')
    await seen
    await sees('Is it you?')
    await expectClean()
    // Whoever does not want to is told why nothing came of it.
    await dialog().getByRole('button', { name: 'Cancel' }).click()
    await sees('this needs a recent sign-in')
    await choose(user.email, 'Sessions')
    await dialog()
      .getByRole('button', { name: /^End the session of/ })
      .click()
    const over = suite.page.getByRole('dialog', { name: 'Is it you?' })
    await over.getByLabel('Password', { exact: true }).fill(suite.uniroute.adminAccount.password)
    await expectClean()
    await over.getByRole('button', { name: 'Sign in' }).click()
    await sees('They are signed in nowhere.')
    expect((await suite.uniroute.call('GET', '/auth/profile', { token: user.token })).status).toBe(401)
    await press('Close')
    await choose(user.email, 'Make administrator')
    await expect
      .poll(() =>
        suite.page
          .getByRole('row', { name: new RegExp(user.email) })
          .getByText('Administrator')
          .count(),
      )
      .toBe(1)
  })

  test('server keys are masked and tested; settings tell their origin and never a secret; health and More on a phone', async () => {
    const key = newKey()
    await suite.start({ serverKeys: { openai: key } })
    await signIn('/operator/server-keys', 'Server keys', { width: 320, height: 700, theme: 'dark' })
    await sees(`…${key.slice(-4)}`)
    await expectClean()
    await press('Test OpenAI')
    await sees('OpenAI accepted the key.')
    await expectClean()
    expect(suite.fake.requestsOf(key).map(({ path }) => path)).toEqual([expect.stringContaining('/models')])
    await press('More')
    await expectClean()
    await dialog().getByRole('link', { name: 'Settings' }).click()
    await heading('Settings')
    await suite.page.getByLabel('Search settings').fill('openai_api')
    await sees('Set; not shown')
    expect(suite.page.url()).toContain('search=openai_api')
    await expectClean()
    await press('More')
    await dialog().getByRole('link', { name: 'Health' }).click()
    await sees('Every provider is being called.')
    await expectClean()
    await press('More')
    await dialog().getByRole('link', { name: 'Encryption' }).click()
    await sees('Everything is sealed under the active key.')
    await expectClean()
  })

  test(
    're-encryption: killed midway it resumes, progress never goes back, every key works, the old one is retired apart',
    { timeout: 240_000 },
    // size: one story, told in order.
    async () => {
      const { fake } = suite
      const first = await startUniRoute({ fake, env: { PROVIDER_KEY_ENCRYPTION_KEY: rememberSecret(OLD_SECRET) } })
      suite.atEnd(() => first.remove())
      const secrets = Array.from({ length: OWN_KEYS }, () => newKey())
      const caller = await first.createCaller()
      const ids: string[] = []
      for (const secret of secrets) ids.push((await first.addProviderKey(caller.token, 'openai', secret)).id)
      await first.stop()
      const inDatabase = async (act: (database: Database) => Promise<unknown>): Promise<void> => {
        const file = readdirSync(first.dataDir).find((entry) => entry.endsWith('.db'))!
        const database = await openDatabase({ file: join(first.dataDir, file) })
        await act(database)
        await database.close()
      }
      await inDatabase(async (database) => {
        const filler = await startVaultInstance(database, { current: OLD_SECRET })
        await storeSealedKeys(database, filler.booted.vault, OTHER_KEYS)
        await filler.stop()
        // The work comes as far as the middle, and no farther, until this is taken away.
        await sql`CREATE TRIGGER midway BEFORE UPDATE ON user_provider_keys WHEN new.kid <> old.kid
          AND (SELECT count(*) FROM user_provider_keys WHERE kid = new.kid) >= ${sql.lit(MIDWAY)}
          BEGIN SELECT RAISE(ABORT, 'midway'); END`.execute(database.query)
      })
      const env = {
        PROVIDER_KEY_ENCRYPTION_KEY: rememberSecret(NEW_SECRET),
        PROVIDER_KEY_ENCRYPTION_KEYS_OLD: OLD_SECRET,
      }
      const again = { env, dataDir: first.dataDir, adminAccount: first.adminAccount }
      await suite.start(again)
      // The reader of progress: what a page shows is never less than what it showed before.
      await signIn('/operator/encryption', undefined, { expect: /ERR_/ })
      await sees('values are sealed under an old key.')
      await expectClean()
      await press('Re-encrypt')
      const bar = (): any => suite.page.getByRole('progressbar')
      const readDone = async (): Promise<number> => Number(await bar().getAttribute('aria-valuenow'))
      const seen: number[] = []
      await bar().waitFor()
      const look = async (): Promise<number> => (seen.push(await readDone()), seen.at(-1)!)
      await expect.poll(look, { timeout: 30_000 }).toBeGreaterThan(0)
      const most = Number(await bar().getAttribute('aria-valuemax'))
      expect(most).toBeGreaterThanOrEqual(OWN_KEYS + OTHER_KEYS)
      expect(seen.at(-1)).toBeLessThan(most)
      await suite.uniroute.kill9()
      const killedAt = seen.at(-1)!
      await suite.tab.close()
      await suite.start(again)
      await signIn('/operator/encryption')
      await bar().waitFor()
      // What was shown before the kill is not taken back after it, and the rest follows.
      expect(await look()).toBeGreaterThanOrEqual(killedAt)
      expect(Number(await bar().getAttribute('aria-valuemax'))).toBe(most)
      await inDatabase(async (database) => {
        await sql`DROP TRIGGER midway`.execute(database.query)
        // The lease of the one that was killed is over.
        await sql`UPDATE vault_jobs SET lease_until = 0`.execute(database.query)
      })
      await expect
        .poll(
          async () => {
            await look()
            return suite.page.getByText('Nothing depends on the old key any more.').count()
          },
          { timeout: 90_000 },
        )
        .toBe(1)
      await look()
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(seen.at(-1)).toBe(most)
      await expectClean()
      const { body } = await suite.uniroute.call('GET', '/admin/encryption', { token: await suite.uniroute.login() })
      const old = body.keys.find((one: { state: string }) => one.state === 'decrypt')
      expect(old.dependents).toBe(0)
      // Each key is used, and is the one it was.
      for (const [at, id] of ids.entries()) {
        const { status, headers } = await suite.uniroute.call('POST', '/v1/chat/completions', {
          token: caller.apiKey,
          headers: { 'x-uniroute-key': id },
          body: { model: 'gpt-4o', max_tokens: 20, messages: [{ role: 'user', content: 'Say hello' }] },
        })
        expect([status, headers.get('x-uniroute-key')]).toEqual([200, id])
        expect(fake.requestsOf(secrets[at]!).filter(({ path }) => path.endsWith('/chat/completions'))).toHaveLength(1)
      }
      await press(`Retire ${old.kid}`)
      await sees('This cannot be undone.')
      expect(await suite.readFocus()).toBe('Cancel')
      await expectClean()
      await press('Cancel')
      const state = async (): Promise<string> =>
        (await suite.uniroute.call('GET', '/admin/encryption', { token: await suite.uniroute.login() })).body.keys.find(
          (one: { kid: string }) => one.kid === old.kid,
        ).state
      expect(await state()).toBe('decrypt')
    },
  )
})
