// A team in a real browser: made, joined by a link, a key shared and used, its account read, the sharing ended with
// effect on the next request. After every step the page is clean.
import { expect, test } from 'vitest'
import { describeDashboard, type TabOptions } from '../../support/dashboard-suite.ts'
import type { Watched } from '../../support/browser.ts'
import type { Caller, Reply } from '../../support/uniroute-client.ts'

describeDashboard('the team page', (suite) => {
  const { choose, dialog, expectClean, newKey, press, sees } = suite
  const signIn = (who: { email: string; password: string }, path: string, options: TabOptions = {}): Promise<Watched> =>
    suite.signIn(path, undefined, { ...options, who })
  const ask = (caller: Caller): Promise<Reply> =>
    suite.uniroute.call('POST', '/v1/chat/completions', {
      token: caller.apiKey,
      body: { model: 'gpt-4o', max_tokens: 20, messages: [{ role: 'user', content: 'Say hello' }] },
    })

  test(
    'a borrower joins by a link, uses a shared key (◆, its owner pays) and never sees it; unsharing acts at once',
    { timeout: 240_000 },
    async () => {
      await suite.start()
      const key = newKey()
      const owner = await suite.uniroute.createCaller({ keys: { openai: key } })
      const member = await suite.uniroute.createCaller()
      await signIn(owner, '/team')
      await sees('You are in no team')
      await expectClean()
      await press('Create team')
      await dialog().getByLabel('Name', { exact: true }).fill('Data team')
      await dialog().getByRole('button', { name: 'Create team' }).click()
      await suite.page.getByRole('heading', { name: 'One member' }).waitFor()
      await expectClean()

      await press('Invite')
      await expectClean()
      await press('Make the link')
      await sees('The invitation is ready')
      const link = (await dialog().locator('code').innerText()).replace(/^https?:\/\/[^/]+/, suite.uniroute.url)
      await expectClean(suite.tab, { shows: true })
      await press('I have sent it')
      await sees('Anybody with the link')

      // The member is not signed in: the page asks for that first, and the code leaves the address at once.
      const theirs = await signIn(member, link.slice(suite.uniroute.url.length), {
        width: 375,
        height: 800,
        theme: 'dark',
        beside: true,
      })
      await sees(`Signed in as ${member.email}.`, theirs)
      expect(theirs.page.url()).toBe(`${suite.uniroute.url}/join`)
      expect(await theirs.findLeaks([link.split('#')[1]!])).toEqual([])
      await expectClean(theirs)
      await press('Join the team', theirs)
      await theirs.page.getByRole('heading', { name: '2 members' }).waitFor()
      await expectClean(theirs)

      expect((await ask(member)).status).toBe(403)
      await suite.page.getByRole('tab', { name: 'Shared keys' }).click()
      await press('Share a key')
      await press('Share')
      await sees('Choose a key and a team.')
      const [shared] = owner.providerKeyIds['openai']!
      await dialog().getByLabel('Your key').selectOption(shared)
      await dialog().getByRole('switch', { name: 'Spending cap' }).click()
      await dialog().getByLabel('US dollars').fill('20')
      await dialog().getByLabel('Models').fill('gpt-4o')
      await expectClean()
      await press('Share')
      await sees('$0.00 of $20.00 this month')
      await expectClean()

      const served = await ask(member)
      expect(served.status).toBe(200)
      expect(served.headers.get('x-uniroute-billed-to')).toBe('team')
      await suite.uniroute.readReceipt(member.apiKey, served.headers.get('x-request-id')!)
      await theirs.page.getByRole('tab', { name: 'Shared keys' }).click()
      await sees(/Team, shared by/, theirs)
      await sees(`…${key.slice(-4)}`, theirs)
      await expectClean(theirs)
      await press('Account of OpenAI', theirs)
      await sees('1 request', theirs)
      await expectClean(theirs)

      // The sharer sees who it was before ending it.
      await choose('OpenAI', 'Stop sharing')
      await sees(member.email.split('@')[0]!)
      await sees('1 request')
      await sees('Used for 1 request in the last 7 days.')
      await sees('✕ nothing')
      expect(await suite.readFocus()).toBe('Cancel')
      await expectClean()
      await press('Cancel')
      expect((await ask(member)).status).toBe(200)
      await choose('OpenAI', 'Stop sharing')
      await press('Stop sharing')
      await sees('Nothing is shared yet')
      const refused = await ask(member)
      expect(refused.status).toBe(403)
      expect(refused.text).toContain('no_usable_key')
      await expectClean()
      // The borrower's page says so, and why.
      await theirs.page.reload()
      await theirs.page.getByRole('heading', { name: 'No longer shared' }).waitFor()
      await sees(new RegExp(`The sharing of ${owner.email.split('@')[0]}.*ended`), theirs)
      expect(await theirs.page.locator('main').innerText()).toContain(`…${key.slice(-4)}`)
      await expectClean(theirs)
      // So does the page of their keys, where it stood among those that serve them.
      await theirs.page.goto(`${suite.uniroute.url}/settings/provider-keys`)
      await theirs.page.getByRole('heading', { name: 'No longer shared' }).waitFor()
      await sees(new RegExp(`The sharing of ${owner.email.split('@')[0]}.*ended`), theirs)
      await expectClean(theirs)
    },
  )

  test('roles: the last owner stays, what each may do stands there, and somebody taken out loses what was shared', async () => {
    await suite.start()
    const owner = await suite.uniroute.createCaller({ keys: { openai: newKey() } })
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
    await suite.uniroute.call('POST', '/admin/leases', {
      token: owner.token,
      body: { provider_key: 'openai', team_id: team.id },
    })
    await signIn(owner, '/team', { width: 320, height: 700, expect: /409/ })
    const who = member.email.split('@')[0]!
    await suite.page.getByLabel(`Role of ${who}`).selectOption('admin')
    await expect.poll(async () => (await readRole(member, team.id)).role).toBe('admin')
    const asked = await ask(member)
    expect(asked.status).toBe(200)
    await suite.uniroute.readReceipt(member.apiKey, asked.headers.get('x-request-id')!)
    await choose('Data team', 'Leave')
    await sees('One key of yours is no longer shared.')
    await sees('Used for 1 request in the last 7 days.')
    await sees('✕ nothing')
    expect(await suite.readFocus()).toBe('Cancel')
    await expectClean()
    await dialog().getByRole('button', { name: 'Leave' }).click()
    await sees('A team needs an owner.')
    await expectClean()
    await press('Cancel')
    await choose('Data team', 'Limits')
    const perDay = dialog().getByRole('group', { name: 'Requests per day' })
    await perDay.getByRole('switch', { name: 'No limit' }).click()
    await press('Save')
    await sees('Give a whole number from 1 on')
    await perDay.getByLabel('At most').fill('500')
    await expectClean()
    await press('Save')
    await dialog().waitFor({ state: 'detached' })
    const readLimit = async (): Promise<unknown> =>
      (await suite.uniroute.call('GET', `/admin/teams/${team.id}`, { token: owner.token })).body.team.rate_limit_per_day
    expect(await readLimit()).toBe(500)
    await choose('Data team', 'Limits')
    await perDay.getByRole('switch', { name: 'No limit' }).click()
    await press('Save')
    await dialog().waitFor({ state: 'detached' })
    expect(await readLimit()).toBe(null)
    await suite.page.getByRole('tab', { name: 'Roles' }).click()
    await sees('Make and unmake owners')
    await expectClean()
    await suite.page.getByRole('tab', { name: 'Members' }).click()
    expect((await ask(member)).status).toBe(200)
    await press(`Remove ${who}`)
    await sees('They can no longer use one key shared with them.')
    await sees(/Used for [12] requests? in the last 7 days/)
    await sees('✕ nothing')
    await expectClean()
    await press('Take out')
    await suite.page.getByRole('heading', { name: 'One member' }).waitFor()
    expect((await ask(member)).status).toBe(403)
    await expectClean()
  })

  test('before a team is dissolved its owner sees what everybody loses: keys, who would pay instead, API keys', async () => {
    await suite.start()
    const owner = await suite.uniroute.createCaller({ keys: { openai: newKey() } })
    const member = await suite.uniroute.createCaller({ keys: { anthropic: newKey('ok', 'anthropic') } })
    const make = async (path: string, { token }: { token: string }, body: object): Promise<any> =>
      (await suite.uniroute.call('POST', path, { token, body })).body
    const team = await make('/admin/teams', owner, { name: 'Data team' })
    const { code } = await make(`/admin/teams/${team.id}/invites`, owner, { role: 'admin' })
    await make('/admin/teams/join', member, { code })
    await make('/admin/leases', owner, { provider_key: 'openai', team_id: team.id })
    await make('/admin/leases', member, { provider_key: 'anthropic', team_id: team.id })
    for (const name of ['one', 'two']) await make('/auth/api-keys', member, { name, team_id: team.id })
    const asked = await ask(member)
    expect(asked.headers.get('x-uniroute-billed-to')).toBe('team')
    await suite.uniroute.readReceipt(member.apiKey, asked.headers.get('x-request-id')!)
    // Admins of a team cannot dissolve it, and are not shown what others use.
    const look = { token: member.token }
    expect((await suite.uniroute.call('GET', `/admin/teams/${team.id}/impact`, look)).status).toBe(403)

    await signIn(owner, '/team', { width: 375, height: 800, theme: 'dark' })
    await choose('Data team', 'Dissolve')
    await sees('2 members lose it.')
    await sees('2 keys are no longer shared.')
    await sees('Used for 1 request in the last 7 days. It would use:')
    await sees('✕ nothing')
    await sees('You can no longer use one key shared with you.')
    await sees('Nobody used it in the last 7 days.')
    await sees('2 API keys of the team stop working.')
    expect(await suite.readFocus()).toBe('Cancel')
    await expectClean()
    await press('Dissolve for good')
    await sees('You are in no team')
    expect((await ask(member)).status).toBe(403)
    await expectClean()
  })

  const readRole = async (who: { token: string }, team: string): Promise<{ role: string }> =>
    (await suite.uniroute.call('GET', `/admin/teams/${team}`, { token: who.token })).body.team
})
