// Signing in with a provider, in a real browser: there and back, to where one wanted to go, and what is said when it
// fails.
import { expect, test } from 'vitest'
import { rememberSecret } from '../../fake-provider/fake-keys.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { type OidcIssuer, startOidcIssuer } from '../../support/oidc-issuer.ts'

describeDashboard('signing in with a provider', (suite) => {
  const { expectClean, sees, heading } = suite

  async function startWithProvider(): Promise<OidcIssuer> {
    const issuer = await startOidcIssuer()
    suite.atEnd(() => issuer.close())
    rememberSecret(issuer.clientSecret)
    await suite.start({
      env: {
        REGISTRATION: 'open',
        OIDC_ISSUER: issuer.url,
        OIDC_CLIENT_ID: issuer.clientId,
        OIDC_CLIENT_SECRET: issuer.clientSecret,
        OIDC_NAME: 'Example Login',
      },
    })
    return issuer
  }

  test('leads there and back to the page one wanted, as oneself; a reload stays signed in', async () => {
    const issuer = await startWithProvider()
    issuer.person = { ...issuer.person, email_verified: false }
    await suite.open('/usage', { leavesFor: issuer.url })
    const button = suite.page.getByRole('link', { name: 'Sign in with Example Login' })
    await button.click()
    await sees('has not verified your e-mail address')
    await expectClean()

    issuer.person = { ...issuer.person, email_verified: true }
    await button.click()
    await heading('Usage')
    await suite.page.getByRole('link', { name: /Nora/ }).waitFor()
    expect(suite.page.url()).toBe(`${suite.uniroute.url}/usage`)
    await expectClean()
    await suite.page.reload()
    await heading('Usage')
    await expectClean()
    await suite.page.goto(`${suite.uniroute.url}/settings/profile`)
    await sees('Your account has no password')
    await expectClean()
  })
  test('stands for the password before something that matters, and leads back to where one was', async () => {
    const issuer = await startWithProvider()
    await suite.open('/settings/profile', { leavesFor: issuer.url, expect: /403/ })
    const { page } = suite
    await page.getByRole('link', { name: 'Sign in with Example Login' }).click()
    await sees('Your account has no password')
    expect(await page.getByLabel('Current password').count()).toBe(0)
    const deleteForGood = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Delete my account' }).click()
      await page.getByRole('button', { name: 'Delete for good' }).click()
    }
    await deleteForGood()
    await page.getByRole('button', { name: 'Sign in again with Example Login' }).waitFor()
    expect(await page.getByLabel('Password').count()).toBe(0)
    // Somebody else at the provider does not do, and is told so on the page one comes back to.
    const { person } = issuer
    issuer.person = { ...person, sub: 'somebody-else' }
    await page.getByRole('button', { name: 'Sign in again with Example Login' }).click()
    await sees('You signed in there as somebody else')
    await expectClean()
    issuer.person = person
    await deleteForGood()
    await page.getByRole('button', { name: 'Sign in again with Example Login' }).click()
    await sees('Your account has no password')
    await deleteForGood()
    await sees('Your account is deleted.')
    await expectClean()
  })
  test('stands for the password of an administrator who has none, and shows no form for one', async () => {
    const issuer = await startWithProvider()
    await suite.open('/settings/profile', { leavesFor: issuer.url, expect: /403/ })
    const { page } = suite
    await page.getByRole('link', { name: 'Sign in with Example Login' }).click()
    await sees('Your account has no password')
    const token = await suite.uniroute.login()
    const call = (method: string, path: string, body?: object): Promise<any> =>
      suite.uniroute.call(method, path, { token, ...(body && { body }) })
    const { users } = (await call('GET', '/admin/users')).body
    const nora = users.find(({ email }: any) => email === issuer.person['email'])
    expect((await call('PATCH', `/admin/users/${nora.id}`, { role: 'admin' })).status).toBe(200)
    const user = await suite.uniroute.createUser()
    await page.goto(`${suite.uniroute.url}/operator/users`)
    await suite.choose(user.email, 'Make administrator')
    const again = page.getByRole('button', { name: 'Sign in again with Example Login' })
    await again.waitFor()
    expect(await page.getByLabel('Password').count()).toBe(0)
    await expectClean()
    await again.click()
    await page.waitForURL(`${suite.uniroute.url}/operator/users`)
    await suite.choose(user.email, 'Make administrator')
    const row = page.getByRole('row', { name: new RegExp(user.email) })
    await expect.poll(() => row.getByText('Administrator').count()).toBe(1)
    await expectClean()
  })
})
