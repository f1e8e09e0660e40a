// A team in a real browser: made, joined by a link, a key shared and used, its account read, the sharing ended with effect
// on the next request. After every step the page is clean: axe, console, policy, no foreign request, no secret.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../../fake-provider/fake-provider.ts'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import type { Caller, Reply } from '../../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun
  ? 'the team page'
  : 'the team page: run `npm test`, which installs the browser and builds the dashboard'

describe.skipIf(!canRun)(name, () => {
  let fake: FakeProvider
  let browser: Browser
  let uniroute: UniRoute
  let tab: Watched
  const others: Watched[] = []
  const secrets: string[] = []

  beforeAll(async () => {
    fake = await startFakeProvider()
    browser = await launchBrowser()
  })
  afterEach(async () => {
    for (const one of [tab, ...others.splice(0)]) await one?.close()
    await uniroute?.stop()
    uniroute?.remove()
    secrets.length = 0
  })
  afterAll(async () => {
    await browser?.close()
    await fake?.close()
  })

  async function expectClean(watched: Watched = tab): Promise<void> {
    expect(await watched.runAxe()).toEqual([])
    expect(await watched.scrollsSideways()).toBe(false)
    expect(watched.problems).toEqual([])
    for (const secret of secrets) expect(await watched.findSecret(secret)).toEqual([])
  }

  async function signIn(
    who: { email: string; password: string },
    path: string,
    options: Parameters<Browser['open']>[1] = {},
  ): Promise<Watched> {
    const opened = await browser.open(`${uniroute.url}${path}`, options)
    await opened.page.getByLabel('E-mail').fill(who.email)
    await opened.page.getByLabel('Password', { exact: true }).fill(who.password)
    await opened.page.getByRole('button', { name: 'Sign in' }).click()
    return opened
  }

  const dialog = (watched = tab): any => watched.page.getByRole('dialog')
  const press = (button: string, watched = tab): Promise<void> =>
    watched.page.getByRole('button', { name: button, exact: true }).click()
  const sees = (text: string | RegExp, watched = tab): Promise<void> => watched.page.getByText(text).first().waitFor()
  async function choose(label: string, entry: string): Promise<void> {
    await press(`More actions for ${label}`)
    await tab.page.getByRole('menuitem', { name: entry }).click()
  }
  const ask = (caller: Caller): Promise<Reply> =>
    uniroute.call('POST', '/v1/chat/completions', {
      token: caller.apiKey,
      body: { model: 'gpt-4o', max_tokens: 20, messages: [{ role: 'user', content: 'Say hello' }] },
    })
  const newKey = (): string => {
    const key = createFakeKey('openai', 'ok')
    secrets.push(key)
    return key
  }

  test('a borrower joins by a link, uses a shared key (◆, its owner pays) and never sees it; unsharing acts at once', async () => {
    uniroute = await startUniRoute({ fake })
    const key = newKey()
    const owner = await uniroute.createCaller({ keys: { openai: key } })
    const member = await uniroute.createCaller()
    tab = await signIn(owner, '/team')
    await sees('You are in no team')
    await expectClean()
    await press('Create team')
    await dialog().getByLabel('Name', { exact: true }).fill('Data team')
    await dialog().getByRole('button', { name: 'Create team' }).click()
    await tab.page.getByRole('heading', { name: 'One member' }).waitFor()
    await expectClean()

    await press('Invite')
    await expectClean()
    await press('Make the link')
    await sees('The invitation is ready')
    const link = (await dialog().locator('code').innerText()).replace(/^https?:\/\/[^/]+/, uniroute.url)
    expect(await tab.runAxe()).toEqual([])
    await press('I have sent it')
    await sees('Anybody with the link')

    // The member is not signed in: the page asks for that first, and the code leaves the address at once.
    const theirs = await signIn(member, link.slice(uniroute.url.length), { width: 375, height: 800, theme: 'dark' })
    others.push(theirs)
    await sees(`Signed in as ${member.email}.`, theirs)
    expect(theirs.page.url()).toBe(`${uniroute.url}/join`)
    expect(await theirs.findSecret(link.split('#')[1]!)).toEqual([])
    await expectClean(theirs)
    await press('Join the team', theirs)
    await theirs.page.getByRole('heading', { name: '2 members' }).waitFor()
    await expectClean(theirs)

    expect((await ask(member)).status).toBe(403)
    await tab.page.getByRole('tab', { name: 'Shared keys' }).click()
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
    await uniroute.readReceipt(member.apiKey, served.headers.get('x-request-id')!)
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
    expect(await tab.page.evaluate(() => (globalThis as any).document.activeElement.textContent.trim())).toBe('Cancel')
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
  })

  test('roles: the last owner stays, what each may do stands there, and somebody taken out loses what was shared', async () => {
    uniroute = await startUniRoute({ fake })
    const owner = await uniroute.createCaller({ keys: { openai: newKey() } })
    const member = await uniroute.createCaller()
    const { body: team } = await uniroute.call('POST', '/admin/teams', {
      token: owner.token,
      body: { name: 'Data team' },
    })
    const { body: invite } = await uniroute.call('POST', `/admin/teams/${team.id}/invites`, {
      token: owner.token,
      body: {},
    })
    await uniroute.call('POST', '/admin/teams/join', { token: member.token, body: { code: invite.code } })
    await uniroute.call('POST', '/admin/leases', {
      token: owner.token,
      body: { provider_key: 'openai', team_id: team.id },
    })
    tab = await signIn(owner, '/team', { width: 320, height: 700, expect: /409/ })
    const who = member.email.split('@')[0]!
    await tab.page.getByLabel(`Role of ${who}`).selectOption('admin')
    await expect.poll(async () => (await readRole(member, team.id)).role).toBe('admin')
    await choose('Data team', 'Leave')
    await dialog().getByRole('button', { name: 'Leave' }).click()
    await sees('A team needs an owner.')
    await expectClean()
    await press('Cancel')
    await tab.page.getByRole('tab', { name: 'Roles' }).click()
    await sees('Make and unmake owners')
    await expectClean()
    await tab.page.getByRole('tab', { name: 'Members' }).click()
    expect((await ask(member)).status).toBe(200)
    await press(`Remove ${who}`)
    await expectClean()
    await press('Take out')
    await tab.page.getByRole('heading', { name: 'One member' }).waitFor()
    expect((await ask(member)).status).toBe(403)
    await expectClean()
  })

  const readRole = async (who: { token: string }, team: string): Promise<{ role: string }> =>
    (await uniroute.call('GET', `/admin/teams/${team}`, { token: who.token })).body.team
})
