// Provider keys in several hands: a second tab that is stale, another user, a borrower; and with the keyboard alone.
// After every step the page is clean.
import { expect, test } from 'vitest'
import type { Watched } from '../../support/browser.ts'
import { describeDashboard, type TabOptions } from '../../support/dashboard-suite.ts'

describeDashboard('provider keys in several hands', (suite) => {
  const { choose, expectClean, newKey, press, sees } = suite
  const signIn = (who: { email: string; password: string }, options: TabOptions = {}): Promise<Watched> =>
    suite.signIn('/settings/provider-keys', 'Provider keys', { ...options, who })
  const listKeys = async (token: string): Promise<any[]> =>
    (await suite.uniroute.call('GET', '/admin/provider-keys', { token })).body.keys

  test('a stale second tab is told of the conflict and keeps its draft; saving over it is a choice of its own', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey(), { label: 'Work' })
    await signIn(suite.uniroute.adminAccount)
    const stale = await signIn(suite.uniroute.adminAccount, { expect: /409/, beside: true })
    await choose('Work', 'Name, limits', stale)
    await stale.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('From the second tab')
    await choose('Work', 'Name, limits')
    await suite.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('From the first tab')
    await press('Save')
    await suite.page.getByRole('heading', { name: 'From the first tab' }).waitFor()
    await press('Save', stale)
    await sees('Your edit is kept here.', stale)
    const draft = stale.page.getByRole('dialog').getByLabel('Name', { exact: true })
    expect(await draft.inputValue()).toBe('From the second tab')
    expect(await listKeys(token)).toMatchObject([{ label: 'From the first tab' }])
    await expectClean(stale)
    await press('Save over it', stale)
    await stale.page.getByRole('heading', { name: 'From the second tab' }).waitFor()
    expect(await listKeys(token)).toMatchObject([{ label: 'From the second tab' }])
    await expectClean(stale)
  })

  test('another user sees nothing of a key, and can neither test, change nor delete it by its id', async () => {
    const token = await suite.start()
    const key = newKey()
    const { id } = await suite.uniroute.addProviderKey(token, 'openai', key, { label: 'Work' })
    const stranger = await suite.uniroute.createUser()
    await signIn(stranger)
    await sees('No keys yet')
    expect(await suite.page.getByText(key.slice(-4)).count()).toBe(0)
    const asked = suite.fake.requestsOf(key).length
    const attempts: [string, string, object?][] = [
      ['POST', '/test', {}],
      ['PATCH', '', { label: 'Mine' }],
      ['PUT', '', { api_key: newKey() }],
      ['GET', '/impact'],
      ['GET', '/usage'],
      ['DELETE', ''],
    ]
    for (const [method, path, body] of attempts) {
      const { status } = await suite.uniroute.call(method, `/admin/provider-keys/${id}${path}`, {
        token: stranger.token,
        body,
      })
      expect([method, path, status]).toEqual([method, path, 404])
    }
    expect(suite.fake.requestsOf(key)).toHaveLength(asked)
    expect(await listKeys(token)).toMatchObject([{ id, label: 'Work', key_version: 1 }])
    await expectClean()
  })

  test('a key shared from its row is a ◆ row of the borrower, without Replace', async () => {
    await suite.start()
    const key = newKey()
    const owner = await suite.uniroute.createCaller({ keys: { openai: key } })
    const member = await suite.uniroute.createCaller()
    const { body: team } = await suite.uniroute.call('POST', '/admin/teams', {
      token: owner.token,
      body: { name: 'Data team' },
    })
    const { body: invite } = await suite.uniroute.call('POST', `/admin/teams/${team.id}/invites`, {
      token: owner.token,
      body: {},
    })
    await suite.uniroute.call('POST', '/admin/teams/join', { token: member.token, body: { code: invite.code } })
    await signIn(owner)
    await choose('Unnamed key', 'Share')
    await suite.page.getByRole('dialog').getByLabel('With', { exact: true }).selectOption({ label: 'Data team' })
    await expectClean()
    await press('Share')
    await sees('Shared with Data team')
    await expectClean()
    const theirs = await signIn(member, { width: 320, height: 700, theme: 'dark', beside: true })
    await sees(/Team, shared by/, theirs)
    await sees(`…${key.slice(-4)}`, theirs)
    expect(await theirs.page.getByRole('button', { name: /Replace/ }).count()).toBe(0)
    await expectClean(theirs)
  })

  test('keyboard alone, on a phone in the dark: add, test, reorder, replace, delete; the focus is seen and comes back', async () => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', newKey(), { label: 'First' })
    await signIn(suite.uniroute.adminAccount, { width: 375, height: 800, theme: 'dark' })
    await sees('First')
    const { keyboard } = suite.page
    /** Who asked for no motion gets none. */
    const expectStill = async (): Promise<void> =>
      expect(
        await suite.page.evaluate(() =>
          (globalThis as any).document.getAnimations().map((one: any) => one.animationName ?? one.transitionProperty),
        ),
      ).toEqual([])
    /** Tab until it has the focus, which has to be seen there. */
    async function reach(label: string | RegExp): Promise<void> {
      const seen: string[] = []
      for (let step = 0; step < 60; step++) {
        const at = await suite.readFocus()
        seen.push(at)
        if (typeof label === 'string' ? at === label : label.test(at)) {
          const outline = await suite.page.evaluate(() => {
            const { outlineStyle, outlineWidth } = (globalThis as any).getComputedStyle(
              (globalThis as any).document.activeElement,
            )
            return `${outlineStyle} ${outlineWidth}`
          })
          expect(outline).toBe('solid 2px')
          return
        }
        await keyboard.press('Tab')
      }
      throw new Error(`${label} was never reached: ${seen.join(' | ')}`)
    }

    await reach('Add a key')
    const key = newKey()
    await suite.page.evaluate((text: string) => {
      const data = new (globalThis as any).DataTransfer()
      data.setData('text/plain', text)
      ;(globalThis as any).document.activeElement.dispatchEvent(
        new (globalThis as any).ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      )
    }, key)
    await sees('Looks like a key of OpenAI.')
    await reach('Name (optional)')
    await keyboard.type('Second')
    await keyboard.press('Enter')
    await sees(/Second is saved/)
    await expectClean()

    await reach('Test Second')
    await keyboard.press('t')
    await sees(/Tested now|Tested \d+ seconds? ago/)
    await reach('More actions for Second')
    await keyboard.press('Enter')
    await suite.page.getByRole('menuitem', { name: 'Move up' }).waitFor()
    await keyboard.type('Move up')
    await keyboard.press('Enter')
    await expect.poll(async () => (await listKeys(token)).map(({ label }) => label)).toEqual(['Second', 'First'])
    await expectClean()

    await reach('Replace Second')
    await keyboard.press('r')
    await suite.page.getByRole('dialog').waitFor()
    await expectStill()
    await expectClean()
    await keyboard.press('Escape')
    await suite.page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(await suite.readFocus()).toBe('Replace Second')

    await reach('More actions for Second')
    await keyboard.press('Enter')
    await suite.page.getByRole('menuitem', { name: 'Delete' }).waitFor()
    await keyboard.press('End')
    await keyboard.press('Enter')
    await sees('This cannot be undone.')
    expect(await suite.readFocus()).toBe('Cancel')
    await keyboard.press('Enter')
    await suite.page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(await listKeys(token)).toHaveLength(2)
    expect(await suite.readFocus()).toBe('More actions for Second')
    await keyboard.press('Enter')
    await suite.page.getByRole('menuitem', { name: 'Delete' }).waitFor()
    await keyboard.press('End')
    await keyboard.press('Enter')
    await sees('This cannot be undone.')
    await reach('Delete for good')
    await keyboard.press('Enter')
    await sees('Second is deleted.')
    expect(await listKeys(token)).toMatchObject([{ label: 'First' }])
    await suite.page.getByRole('dialog').waitFor({ state: 'detached' })
    // The button it came from is gone: Tab goes on in the page, not at the top of everything.
    await keyboard.press('Tab')
    await expect
      .poll(() => suite.page.evaluate(() => (globalThis as any).document.activeElement.closest('main') !== null))
      .toBe(true)
    await expectClean()
  })
})
