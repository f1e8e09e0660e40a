// Provider keys in a real browser, built as shipped, under the dashboard's own policy: a key's whole life. After every
// step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard, type TabOptions } from '../../support/dashboard-suite.ts'

describeDashboard('provider keys', (suite) => {
  const { choose, expectClean, newKey, paste, press, sees } = suite
  const signIn = (options: TabOptions = {}): Promise<unknown> =>
    suite.signIn('/settings/provider-keys', 'Provider keys', options)
  const listKeys = async (): Promise<any[]> =>
    (await suite.uniroute.call('GET', '/admin/provider-keys', { token: await suite.uniroute.login() })).body.keys

  test('a key: added after a free test, unchanged after a reload, renamed without its secret, deleted for good', async () => {
    await suite.start()
    await signIn()
    await expectClean()
    const key = newKey()
    await paste('Add a key', `OPENAI_API_KEY="${key}"`)
    await sees('Looks like a key of OpenAI.')
    await expectClean()
    await suite.page.getByLabel('Name (optional)').fill('Work account')
    await press('Test and save')
    await sees(/Work account is saved/)
    await expectClean()
    // The free test is a list of models, never a call that costs.
    expect(suite.fake.requestsOf(key).map(({ path }) => path)).toEqual([expect.stringContaining('/models')])
    await suite.page.reload()
    await sees(key.slice(-4))
    await expectClean()

    const patches: string[] = []
    suite.page.on('request', (request: any) => request.method() === 'PATCH' && patches.push(request.postData()))
    await choose('Work account', 'Name, limits, fallback')
    await suite.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Main account')
    await expectClean()
    await press('Save')
    await suite.page.getByRole('heading', { name: 'Main account' }).waitFor()
    expect(patches).toHaveLength(1)
    expect(patches[0]).not.toContain('api_key')

    await choose('Main account', 'Delete')
    await sees('This cannot be undone.')
    await sees('Nothing used this key')
    expect(await suite.readFocus()).toBe('Cancel')
    await expectClean()
    await press('Cancel')
    expect(await listKeys()).toHaveLength(1)
    await choose('Main account', 'Delete')
    await press('Delete for good')
    await sees('No keys yet')
    expect(await listKeys()).toEqual([])
    await expectClean()
  })

  test('test outcomes: rejected saves nothing and keeps the field; unreachable offers to save untested', async () => {
    await suite.start()
    await signIn()
    await paste('Add a key', newKey('invalid'))
    await press('Test and save')
    await sees('OpenAI rejected this key')
    await sees('Nothing was saved.')
    expect(await suite.page.getByRole('button', { name: 'Save untested' }).count()).toBe(0)
    await sees(/characters, ends/)
    expect(await listKeys()).toEqual([])
    await expectClean()
    await press('Clear')
    await paste('Add a key', newKey('down503'))
    await press('Test and save')
    await press('Save untested')
    await sees('is saved, untested')
    await sees('Neither tested nor used yet')
    expect(await listKeys()).toHaveLength(1)
    await expectClean()
  })

  test('a key pasted before the providers are known is recognised when they are', async () => {
    await suite.start()
    await suite.open('/settings/provider-keys')
    const held = Promise.withResolvers<void>()
    await suite.page.route('**/admin/installation', async (route: any) => {
      await held.promise
      await route.continue()
    })
    await suite.enter()
    await sees('No keys yet')
    await paste('Add a key', newKey())
    await sees('Choose whose key this is.')
    held.resolve()
    await sees('Looks like a key of OpenAI.')
    await expectClean()
  })

  test('replace: a failing key changes nothing; a good one keeps id and name, with new last characters', async () => {
    const token = await suite.start()
    const first = newKey()
    const { id } = await suite.uniroute.addProviderKey(token, 'openai', first, { label: 'Work' })
    await signIn()
    await press('Replace Work')
    await paste('New key', newKey('invalid'))
    await press('Test and replace')
    await sees('the old key goes on')
    expect(await listKeys()).toMatchObject([{ id, last4: first.slice(-4), key_version: 1 }])
    await expectClean()
    const second = newKey()
    await press('Clear')
    await paste('New key', second)
    await press('Test and replace')
    await sees('Work has its new key.')
    expect(await listKeys()).toMatchObject([{ id, label: 'Work', last4: second.slice(-4), key_version: 2 }])
    await expectClean()
  })

  test('disable can be undone; on a phone, in the dark, everything fits and is reachable', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey(), { label: 'Work' })
    await signIn({ width: 320, height: 700, theme: 'dark' })
    await sees('Neither tested nor used yet')
    await expectClean()
    await choose('Work', 'Disable')
    await sees('Nothing used this key in the last 7 days.')
    await expectClean()
    await press('Disable')
    await sees(/You switched it off on .*; nothing uses it/)
    expect(await listKeys()).toMatchObject([{ is_active: false }])
    await press('Undo')
    await sees('Neither tested nor used yet')
    expect(await listKeys()).toMatchObject([{ is_active: true }])
    await press('Test Work')
    await sees(/Tested now|Tested \d+ seconds? ago/)
    await expectClean()
  })

  test('a session that ends is renewed over the page: what was pasted stays, and is saved afterwards', async () => {
    await suite.start()
    await signIn({ expect: /401/ })
    await paste('Add a key', newKey())
    const token = await suite.uniroute.login()
    for (const session of (await suite.uniroute.call('GET', '/auth/sessions', { token })).body.sessions) {
      if (!session.current) await suite.uniroute.call('DELETE', `/auth/sessions/${session.id}`, { token })
    }
    await press('Test and save')
    await sees('Your session has ended')
    await expectClean()
    await suite.page
      .getByRole('dialog')
      .getByLabel('Password', { exact: true })
      .fill(suite.uniroute.adminAccount.password)
    await suite.page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click()
    await sees(/is saved/)
    expect(suite.page.url()).toBe(`${suite.uniroute.url}/settings/provider-keys`)
    await expectClean()
  })
})
