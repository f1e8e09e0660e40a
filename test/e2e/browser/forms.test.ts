// Every form under the failures that people meet: no network, a server that fails, a session that ended meanwhile,
// somebody who was faster. Each says what to do where it happened, and nothing that was written is lost.
import { expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { describeDashboard, type DashboardSuite } from '../../support/dashboard-suite.ts'

const [FIRST_KEY, SECOND_KEY] = [createFakeKey('openai'), createFakeKey('openai')]

interface Form {
  readonly name: string
  readonly path: string
  /** Buttons and entries of menus to press, one after the other, or all that comes before the draft. */
  readonly way: readonly string[] | ((suite: DashboardSuite) => Promise<void>)
  readonly field: string
  /** What is written; what is sent holds it. */
  readonly draft: string
  /** Instead of filling the field. */
  readonly write?: (suite: DashboardSuite, field: any) => Promise<void>
  /** What is there while the draft is kept, where that is not the field's value. */
  readonly kept?: (suite: DashboardSuite, field: any) => Promise<unknown>
  /** The button that sends it, where Enter in the field does not. */
  readonly submit?: string
  readonly call: readonly [method: string, address: RegExp]
  /** Says who was faster. */
  readonly isVersioned?: boolean
  /** A dialog of one field like others here: only in `npm run test:nightly`. */
  readonly isLikeOthers?: boolean
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
    isLikeOthers: true,
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
    isLikeOthers: true,
  },
  {
    name: 'another team',
    path: '/team',
    way: ['More actions for Data team', 'Create team'],
    field: 'Name',
    draft: 'Night shift',
    call: ['POST', /\/admin\/teams$/],
    isLikeOthers: true,
  },
  {
    name: 'an invitation',
    path: '/team',
    way: ['Invite'],
    field: 'E-mail (optional)',
    draft: 'mina@example.com',
    call: ['POST', /\/admin\/teams\/team_[^/]+\/invites$/],
    isLikeOthers: true,
  },
  {
    name: 'a new user',
    path: '/operator/users',
    way: ['Create user'],
    field: 'E-mail',
    draft: 'mina@example.com',
    call: ['POST', /\/admin\/users$/],
    isLikeOthers: true,
  },
  {
    name: 'a new password',
    path: '/settings/profile',
    way: ({ page, uniroute }) =>
      page.getByLabel('Current password', { exact: true }).fill(uniroute.adminAccount.password),
    field: 'New password',
    draft: 'seven quiet rivers run north',
    call: ['PUT', /\/auth\/profile\/password$/],
  },
  {
    name: 'a provider key',
    path: '/settings/provider-keys',
    way: [],
    field: 'Add a key',
    draft: FIRST_KEY,
    write: (suite) => suite.paste('Add a key', FIRST_KEY),
    kept: (suite) => suite.sees(`ends ${FIRST_KEY.slice(-4)}`),
    submit: 'Test and save',
    call: ['POST', /\/admin\/provider-keys$/],
  },
  {
    name: 'a new secret for a provider key',
    path: '/settings/provider-keys',
    way: (suite) => suite.press('Replace Work account'),
    field: 'New key',
    draft: SECOND_KEY,
    write: (suite) => suite.paste('New key', SECOND_KEY),
    kept: (suite) => suite.sees(`ends ${SECOND_KEY.slice(-4)}`),
    submit: 'Test and replace',
    call: ['PUT', /\/admin\/provider-keys\/pk_/],
  },
  {
    name: 'a key to share',
    path: '/team',
    async way(suite) {
      await suite.page.getByRole('tab', { name: 'Shared keys' }).click()
      await suite.press('Share a key')
      await suite.dialog().getByLabel('Your key').selectOption({ index: 1 })
    },
    field: 'Models',
    draft: 'gpt-4o-mini',
    submit: 'Share',
    call: ['POST', /\/admin\/leases$/],
  },
  {
    name: 'the terms of a shared key',
    path: '/team',
    async way(suite) {
      const token = await suite.uniroute.login()
      const [team] = (await suite.uniroute.call('GET', '/admin/teams', { token })).body.teams
      const body = { provider_key: 'openai', team_id: team.id }
      expect((await suite.uniroute.call('POST', '/admin/leases', { token, body })).status).toBe(201)
      await suite.page.getByRole('tab', { name: 'Shared keys' }).click()
      await suite.choose('Work account', 'Change terms')
    },
    field: 'Models',
    draft: 'gpt-4o-mini',
    submit: 'Save',
    call: ['PATCH', /\/admin\/leases\/lease_/],
    isVersioned: true,
  },
  {
    name: 'limits of a team',
    path: '/team',
    async way(suite) {
      await suite.choose('Data team', 'Limits')
      await suite.dialog().getByRole('group', { name: 'Requests per day' }).getByRole('switch').click()
    },
    field: 'At most',
    draft: '4711',
    call: ['PATCH', /\/admin\/teams\/team_/],
  },
  {
    name: 'an override of a model',
    path: '/models?model=gpt-4o-mini',
    way: (suite) => suite.press('Change what is said of it'),
    field: 'Shown name',
    draft: 'The small one',
    call: ['PUT', /\/admin\/catalog\/overrides\/openai\/gpt-4o-mini$/],
  },
  {
    name: 'a routing strategy',
    path: '/routing?tab=models',
    way: [],
    field: 'strategy',
    draft: 'cost',
    write: ({ page }) => page.locator('input[name=strategy][value=cost]').check(),
    kept: async ({ page }) => expect(await page.locator('input[name=strategy][value=cost]').isChecked()).toBe(true),
    submit: 'Save',
    call: ['PUT', /\/admin\/routing$/],
  },
]

/** Forms before anybody is signed in: there is no session to end. */
const OPEN_FORMS: readonly (Pick<Form, 'name' | 'call' | 'submit'> & {
  readonly path: string
  readonly fields: Readonly<Record<string, string>>
  /** Somebody was faster, in the server's words. */
  readonly taken?: string
  readonly after: string
})[] = [
  {
    name: 'registration',
    path: '/register',
    fields: { 'E-mail': 'nina@example.com', 'Name (optional)': 'Nina', Password: 'seven quiet rivers run north' },
    submit: 'Create account',
    call: ['POST', /\/auth\/register$/],
    taken: 'email_taken',
    after: 'Overview',
  },
  {
    name: 'asking for a new password',
    path: '/reset',
    fields: { 'E-mail': 'nina@example.com' },
    submit: 'Ask for a link',
    call: ['POST', /\/auth\/reset-request$/],
    after: 'This server sends no mail.',
  },
  {
    name: 'a new password by a link',
    path: '/reset',
    fields: { 'New password': 'seven quiet rivers run north' },
    submit: 'Save password',
    call: ['POST', /\/auth\/reset$/],
    after: 'The password is changed.',
  },
]

const REQUEST_ID = 'req_01J8ZZZZZZZZZZZZZZZZZZZZZZ'
const answer = (status: number, code: string) => (route: any) =>
  route.fulfill({
    status,
    headers: { 'x-request-id': REQUEST_ID },
    json: { error: 'This could not be done just now.', code },
  })

const EVERY_FORM = process.env['WHOLE_TABLES'] === 'yes'

describeDashboard('forms', (suite) => {
  test.each(EVERY_FORM ? FORMS : FORMS.filter(({ isLikeOthers }) => !isLikeOthers))(
    '$name: what fails is said there, the draft stays, and Try again saves it',
    async (form) => {
      const token = await suite.start()
      await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work account' })
      const { key } = await suite.uniroute.createApiKey(token, { name: 'notebook' })
      suite.shownOnce(key)
      await suite.uniroute.call('POST', '/admin/teams', { token, body: { name: 'Data team' } })
      await suite.signIn(form.path, undefined, { expect: /40[0-9]|50[0-9]|ERR_/ })
      const { page } = suite
      if (typeof form.way === 'function') await form.way(suite)
      else
        for (const label of form.way) {
          await page
            .getByRole(/^More|^Create|^Invite/.test(label) && label !== 'Create team' ? 'button' : 'menuitem', {
              name: label,
            })
            .first()
            .click()
        }
      const isInDialog = await page.getByRole('dialog').count()
      const field = (isInDialog > 0 ? page.getByRole('dialog') : page).getByLabel(form.field, { exact: true })
      if (form.write) await form.write(suite, field)
      else await field.fill(form.draft)
      const submit = (): Promise<void> =>
        form.submit ? page.getByRole('button', { name: form.submit, exact: true }).last().click() : field.press('Enter')
      const [method, address] = form.call
      const mine = (request: any): boolean =>
        request.method() === method && address.test(new URL(request.url()).pathname)

      /** What the next calls of the form meet; null: the server. */
      let meets: ((route: any) => Promise<void>) | null = null
      await page.route(address, (route: any) => (meets && mine(route.request()) ? meets(route) : route.fallback()))
      const keepsDraft = async (): Promise<unknown> =>
        form.kept ? form.kept(suite, field) : expect(await field.inputValue()).toBe(form.draft)
      const again = (): any => page.getByRole('alert').getByRole('button', { name: 'Try again' })

      meets = (route) => route.abort('connectionrefused')
      await submit()
      await suite.sees('UniRoute did not answer.')
      await keepsDraft()
      await suite.expectClean()

      meets = answer(503, 'storage_unavailable')
      await again().click()
      await suite.sees(REQUEST_ID)
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
    },
  )
  test.each(OPEN_FORMS)(
    '$name: what fails is said there, what was written stays, and Try again goes on',
    async (form) => {
      await suite.start({ env: { REGISTRATION: 'open' } })
      let { path } = form
      if (form.name.endsWith('link')) {
        const token = await suite.uniroute.login()
        const { id } = await suite.uniroute.createUser()
        const { body } = await suite.uniroute.call('POST', `/admin/users/${id}/reset-link`, { token })
        path += `#${suite.shownOnce(body.url.split('#')[1])}`
      }
      await suite.open(path, { expect: /40[0-9]|50[0-9]|ERR_/ })
      const { page } = suite
      for (const [label, text] of Object.entries(form.fields)) await page.getByLabel(label, { exact: true }).fill(text)
      let meets: ((route: any) => Promise<void>) | null = (route) => route.abort('connectionrefused')
      await page.route(form.call[1], (route: any) => (meets ? meets(route) : route.fallback()))
      const keepsDraft = async (): Promise<void> => {
        for (const [label, text] of Object.entries(form.fields))
          expect(await page.getByLabel(label, { exact: true }).inputValue(), label).toBe(text)
      }
      const again = (): Promise<void> => page.getByRole('alert').getByRole('button', { name: 'Try again' }).click()
      await suite.press(form.submit!)
      await suite.sees('UniRoute did not answer.')
      await keepsDraft()
      await suite.expectClean()
      meets = answer(503, 'storage_unavailable')
      await again()
      await suite.sees(REQUEST_ID)
      await keepsDraft()
      if (form.taken) {
        meets = answer(409, form.taken)
        await again()
        await page.getByRole('alert').getByRole('button', { name: 'Try again' }).waitFor({ state: 'detached' })
        await suite.sees(REQUEST_ID)
        await keepsDraft()
      }
      meets = null
      await (form.taken ? suite.press(form.submit!) : again())
      await suite.sees(form.after)
    },
  )

  test('an account that was made is not made again when only signing in failed', async () => {
    await suite.start({ env: { REGISTRATION: 'open' } })
    await suite.open('/register', { expect: /ERR_/ })
    const { page } = suite
    let isCut = true
    await page.route(/\/auth\/login$/, (route: any) => (isCut ? route.abort('connectionrefused') : route.fallback()))
    await page.getByLabel('E-mail').fill('nina@example.com')
    await page.getByLabel('Password', { exact: true }).fill('seven quiet rivers run north')
    await suite.press('Create account')
    await suite.sees('UniRoute did not answer.')
    await suite.expectClean()
    isCut = false
    await suite.press('Try again')
    await suite.heading('Overview')
    await suite.expectClean()
  })
})
