// Signing in with a provider, in a real browser: there and back, to where one wanted to go, and what is said when it fails.
import { expect, test } from 'vitest'
import { rememberSecret } from '../../fake-provider/fake-keys.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { startOidcIssuer } from '../../support/oidc-issuer.ts'

describeDashboard('signing in with a provider', (suite) => {
  const { expectClean, sees, heading } = suite

  test('leads there and back to the page one wanted, as oneself; a reload stays signed in', async () => {
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
    await sees('Link your account there')
    await expectClean()
  })
})
