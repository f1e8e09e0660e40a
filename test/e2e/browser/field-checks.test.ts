// Forms check while somebody writes, and do not scold: what is wrong is said when a field is left or the form is tried,
// in our own words beside the field, and goes as soon as it is right.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'

describeDashboard('fields', (suite) => {
  const { choose, expectClean, press } = suite

  test('an address: nothing while it is written, a sentence when it is left, none as soon as it is right', async () => {
    await suite.start()
    await suite.signIn('/operator/users', 'Users')
    await press('Create user')
    const email = suite.dialog().getByLabel('E-mail', { exact: true })
    const wrong = suite.dialog().getByText('This is no e-mail address yet.')
    await email.pressSequentially('mina')
    expect([await wrong.count(), await email.getAttribute('aria-invalid')]).toEqual([0, null])
    await email.press('Tab')
    await wrong.waitFor()
    expect(await email.getAttribute('aria-invalid')).toBe('true')
    const described = await email.getAttribute('aria-describedby')
    expect(described?.split(' ')).toContain(await wrong.getAttribute('id'))
    await expectClean()
    await email.press('End')
    await email.pressSequentially('@example.com')
    await wrong.waitFor({ state: 'detached' })
    expect(await email.getAttribute('aria-invalid')).toBeNull()
  })

  test('a form that is tried says beside its first field what it lacks, and leads there', async () => {
    await suite.start()
    await suite.signIn('/operator/users', 'Users')
    await press('Create user')
    const dialog = suite.dialog()
    await dialog.locator('button[type=submit]').click()
    await dialog.getByText('Fill this in.').first().waitFor()
    expect(await suite.readFocus()).toBe('E-mail')
    await expectClean()
  })

  test('a key to save that was not pasted is asked for, and the field has the focus', async () => {
    await suite.start()
    await suite.signIn('/settings/provider-keys', 'Provider keys')
    await press('Test and save')
    await suite.sees('Paste the key first.')
    expect(await suite.readFocus()).toBe('Add a key')
    await expectClean()
    await suite.paste('Add a key', suite.newKey())
    expect(await suite.page.getByText('Paste the key first.').count()).toBe(0)
  })

  test('a sheet that is filled in begins in its first field, and fields beside each other stand at one height', async () => {
    await suite.start()
    await suite.signIn('/settings/api-keys', 'API keys')
    await press('Create API key')
    await expect.poll(() => suite.readFocus()).toBe('Name')
    await suite.page.keyboard.press('Escape')
    await suite.page.goto(`${suite.uniroute.url}/models`)
    await press('Overrides')
    await press('Override another model')
    const box = async (label: string): Promise<{ y: number; height: number }> => {
      const { y, height } = await suite.dialog().getByLabel(label, { exact: true }).boundingBox()
      return { y, height }
    }
    await suite.dialog().getByLabel('Model', { exact: true }).waitFor()
    await expect.poll(() => box('Provider')).toEqual(await box('Model'))
    await expectClean()
  })

  test('amounts and limits: the same, with what would be right', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work' })
    await suite.signIn('/settings/provider-keys', 'Provider keys')
    await choose('Work', 'Name, limits, fallback')
    await suite.dialog().getByRole('switch', { name: /cap/i }).click()
    const usd = suite.dialog().getByRole('spinbutton')
    const least = suite.dialog().getByText('Write 0.01 or more.')
    await usd.pressSequentially('0')
    expect(await least.count()).toBe(0)
    await usd.press('Tab')
    await least.waitFor()
    await expectClean()
    await usd.press('End')
    await usd.pressSequentially('.5')
    await least.waitFor({ state: 'detached' })
  })

  test('the form of an API key: a limit that is no number is told when it is left', async () => {
    await suite.start()
    await suite.signIn('/settings/api-keys', 'API keys')
    await press('Create API key')
    const dialog = suite.dialog()
    await dialog.getByText('Limits', { exact: true }).click()
    await dialog.getByRole('switch').first().click()
    const most = dialog.getByRole('spinbutton')
    const wrong = dialog.getByText('Give a whole number from 1 on')
    await most.pressSequentially('0')
    expect(await wrong.count()).toBe(0)
    await most.press('Tab')
    await wrong.waitFor()
    // Only what was left is told.
    expect(await dialog.getByText('Give it a name').count()).toBe(0)
    await expectClean()
    await most.press('Home')
    await most.pressSequentially('1')
    await wrong.waitFor({ state: 'detached' })
  })

  test('a day to expire on ends where the reader is, for keys of both kinds', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work' })
    const before = (page: any): Promise<void> =>
      page.addInitScript(() =>
        (globalThis as any).localStorage.setItem(
          'uniroute-reading',
          JSON.stringify({ timeZone: 'Asia/Tokyo', density: 'comfortable' }),
        ),
      )
    const year = new Date().getUTCFullYear() + 1
    const end = `${year}-07-01T14:59:59.000Z`
    const readExpiry = async (path: string): Promise<unknown> =>
      (await suite.uniroute.call('GET', path, { token })).body.keys[0]?.expires_at
    await suite.signIn('/settings/provider-keys', 'Provider keys', { before })
    await choose('Work', 'Name, limits, fallback')
    await suite.dialog().getByLabel('Expires').selectOption('day')
    await suite.dialog().getByLabel('On a day').fill(`${year}-07-01`)
    await press('Save')
    await expect.poll(() => readExpiry('/admin/provider-keys')).toBe(end)
    await suite.page.goto(`${suite.uniroute.url}/settings/api-keys`)
    await press('Create API key')
    await suite.dialog().getByLabel('Name', { exact: true }).fill('bot')
    await suite.dialog().getByLabel('Expires').selectOption('day')
    await suite.dialog().getByLabel('On a day').fill(`${year}-07-01`)
    await expectClean()
    await suite.dialog().getByRole('button', { name: 'Create API key' }).click()
    suite.shownOnce(await suite.dialog().locator('code').first().innerText())
    expect(await readExpiry('/auth/api-keys')).toBe(end)
  })
})
