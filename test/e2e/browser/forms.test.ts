// Every form under the failures that people meet: no network, a server that fails, a session that ended meanwhile, somebody
// who was faster. Each says what to do where it happened, and nothing that was written is lost.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'

interface Form {
  readonly name: string
  readonly path: string
  /** Buttons and entries of menus to press, one after the other. */
  readonly way: readonly string[]
  readonly field: string
  readonly draft: string
  readonly call: readonly [method: string, address: RegExp]
  /** Says who was faster. */
  readonly isVersioned?: boolean
}

const FORMS: readonly Form[] = [
  {
    name: 'the name of the account',
    path: '/settings/profile',
    way: [],
    field: 'Name',
    draft: 'Mina',
    call: ['PUT', /\/auth\/profile$/],
  },
  {
    name: 'settings of a provider key',
    path: '/settings/provider-keys',
    way: ['More actions for Work account', 'Name, limits, fallback'],
    field: 'Name',
    draft: 'Main account',
    call: ['PATCH', /\/admin\/provider-keys\/pk_/],
    isVersioned: true,
  },
  {
    name: 'a new API key',
    path: '/settings/api-keys',
    way: ['Create API key'],
    field: 'Name',
    draft: 'billing-bot',
    call: ['POST', /\/auth\/api-keys$/],
  },
  {
    name: 'settings of an API key',
    path: '/settings/api-keys',
    way: ['More actions for notebook', 'Name, limits, access'],
    field: 'Name',
    draft: 'desk',
    call: ['PATCH', /\/auth\/api-keys\/ak_/],
    isVersioned: true,
  },
  {
    name: 'the name of a team',
    path: '/team',
    way: ['More actions for Data team', 'Rename'],
    field: 'Name',
    draft: 'Night shift',
    call: ['PATCH', /\/admin\/teams\/team_/],
  },
  {
    name: 'another team',
    path: '/team',
    way: ['More actions for Data team', 'Create team'],
    field: 'Name',
    draft: 'Night shift',
    call: ['POST', /\/admin\/teams$/],
  },
  {
    name: 'an invitation',
    path: '/team',
    way: ['Invite'],
    field: 'E-mail (optional)',
    draft: 'mina@example.com',
    call: ['POST', /\/admin\/teams\/team_[^/]+\/invites$/],
  },
  {
    name: 'a new user',
    path: '/operator/users',
    way: ['Create user'],
    field: 'E-mail',
    draft: 'mina@example.com',
    call: ['POST', /\/admin\/users$/],
  },
]

describeDashboard('forms', (suite) => {
  test.each(FORMS)('$name: what fails is said there, the draft stays, and Try again saves it', async (form) => {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work account' })
    const { key } = await suite.uniroute.createApiKey(token, { name: 'notebook' })
    suite.shownOnce(key)
    await suite.uniroute.call('POST', '/admin/teams', { token, body: { name: 'Data team' } })
    await suite.signIn(form.path, undefined, { expect: /40[0-9]|50[0-9]|ERR_/ })
    const { page } = suite
    for (const label of form.way) {
      await page
        .getByRole(/^More|^Create|^Invite/.test(label) && label !== 'Create team' ? 'button' : 'menuitem', {
          name: label,
        })
        .first()
        .click()
    }
    const field = (form.way.length > 0 ? page.getByRole('dialog') : page).getByLabel(form.field, { exact: true })
    await field.fill(form.draft)
    const [method, address] = form.call
    const mine = (request: any): boolean => request.method() === method && address.test(new URL(request.url()).pathname)

    /** What the next calls of the form meet; null: the server. */
    let meets: ((route: any) => Promise<void>) | null = null
    await page.route(address, (route: any) => (meets && mine(route.request()) ? meets(route) : route.fallback()))
    const answer = (status: number, code: string) => (route: any) =>
      route.fulfill({
        status,
        headers: { 'x-request-id': 'req_01J8ZZZZZZZZZZZZZZZZZZZZZZ' },
        json: { error: 'This could not be done just now.', code },
      })
    const keepsDraft = async (): Promise<void> => expect(await field.inputValue()).toBe(form.draft)
    const again = (): any => page.getByRole('alert').getByRole('button', { name: 'Try again' })

    meets = (route) => route.abort('connectionrefused')
    await field.press('Enter')
    await suite.sees('UniRoute did not answer.')
    await keepsDraft()
    await suite.expectClean()

    meets = answer(503, 'storage_unavailable')
    await again().click()
    await suite.sees('req_01J8ZZZZZZZZZZZZZZZZZZZZZZ')
    await suite.sees('This could not be done just now.')
    await keepsDraft()

    if (form.isVersioned) {
      meets = answer(409, 'version_conflict')
      await again().click()
      await suite.sees('Your edit is kept here.')
      await keepsDraft()
      await suite.expectClean()
    }

    meets = answer(401, 'unauthenticated')
    await page.route(/\/auth\/refresh$/, answer(401, 'unauthenticated'))
    await page.getByRole('button', { name: form.isVersioned ? 'Save over it' : 'Try again' }).click()
    const over = page.getByRole('dialog', { name: 'Sign in again' })
    await over.waitFor()
    meets = null
    await page.unroute(/\/auth\/refresh$/)
    const saved = page.waitForResponse((response: any) => mine(response.request()))
    await over.getByLabel('Password', { exact: true }).fill(suite.uniroute.adminAccount.password)
    await over.getByRole('button', { name: 'Sign in' }).click()
    const response = await saved
    expect([response.ok(), response.request().postData()]).toEqual([true, expect.stringContaining(form.draft)])
  })
})
