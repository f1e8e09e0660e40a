// What people get by mail where the operator set a mail server, and that nothing depends on it.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createFakeKey, createFakePassword, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { startOidcIssuer } from '../support/oidc-issuer.ts'
import { startSmtpServer, type ReceivedMail, type TestSmtpServer } from '../support/smtp-server.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

let fake: FakeProvider
let smtp: TestSmtpServer
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  const password = rememberSecret(`mailCANARY${crypto.randomUUID()}`)
  smtp = await startSmtpServer({ password })
  const SMTP_URL = `smtp://uniroute%40example.com:${password}@127.0.0.1:${smtp.port}`
  uniroute = await startUniRoute({ fake, env: { SMTP_URL, REGISTRATION: 'invite', LOG_LEVEL: 'trace' } })
})
afterAll(async () => {
  await uniroute?.stop()
  await smtp?.close()
  await fake?.close()
  // Three answers show the link that was mailed as well, to whoever made it.
  const shown = /^POST \/admin\/(?:invites|users|teams\/\w+\/invites) → 201$/
  expect((uniroute?.scanAndRemove() ?? []).filter(({ where }) => !shown.test(where))).toEqual([])
})

const askForReset = (email: string): Promise<Reply> => uniroute.call('POST', '/auth/reset-request', { body: { email } })

const reset = async (code: string, password: string): Promise<number> =>
  (await uniroute.call('POST', '/auth/reset', { body: { code, password } })).status

const waitForMail = (to: string, subject: RegExp): Promise<ReceivedMail> =>
  vi.waitUntil(() => smtp.mailsTo(to).find((mail) => subject.test(mail.headers['subject'] ?? '')), { timeout: 10_000 })

/** The code of the link in a mail, a secret from here on. */
function codeIn(mail: ReceivedMail, page: string): string {
  const code = new RegExp(`${uniroute.url}/${page}#([\\w-]{20,})\n`).exec(mail.text)?.[1]
  expect(code, mail.text).toBeDefined()
  return rememberSecret(code!)
}

test('a forgotten password: the link arrives and works once, and the change is told', async () => {
  const user = await uniroute.createUser()
  const answer = await askForReset(` ${user.email.toUpperCase()} `)
  expect(answer.status).toBe(200)
  const code = codeIn(await waitForMail(user.email, /new password/), 'reset')
  const password = createFakePassword()
  expect(await reset(code, password)).toBe(200)
  expect(await reset(code, password)).toBe(403)
  expect((await uniroute.call('GET', '/auth/profile', { token: user.token })).status).toBe(401)
  expect(await uniroute.login(user.email, password)).toBeTypeOf('string')
  await waitForMail(user.email, /was changed/)
})

test('an unknown address and one that is switched off get the same answer, and no mail', async () => {
  const [known, off] = [await uniroute.createUser(), await uniroute.createUser()]
  const body = { is_active: false }
  await uniroute.call('PATCH', `/admin/users/${off.id}`, { token: await uniroute.login(), body })
  const unknown = 'nobody-at-all@example.com'
  const answers = [await askForReset(unknown), await askForReset(off.email), await askForReset(known.email)]
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
  // Asked for last, so the others would have come first.
  await waitForMail(known.email, /new password/)
  expect([smtp.mailsTo(unknown), smtp.mailsTo(off.email)]).toEqual([[], []])
})

test('one mailbox gets three links an hour, and each of them works until one is used', async () => {
  const user = await uniroute.createUser()
  const last = await uniroute.createUser()
  for (let i = 0; i < 5; i++) expect((await askForReset(user.email)).status).toBe(200)
  await askForReset(last.email)
  await waitForMail(last.email, /new password/)
  const mails = smtp.mailsTo(user.email)
  expect(mails).toHaveLength(3)
  const codes = mails.map((mail) => codeIn(mail, 'reset'))
  expect(await reset(codes[1]!, createFakePassword())).toBe(200)
  expect([await reset(codes[0]!, createFakePassword()), await reset(codes[2]!, createFakePassword())]).toEqual([
    403, 403,
  ])
})

test('invitations and new accounts are mailed to whom they are for; without an address there is only the link', async () => {
  const token = await uniroute.login()
  const invited = 'invited@example.com'
  const invite = await uniroute.call('POST', '/admin/invites', { token, body: { email: invited } })
  expect(invite.body).toMatchObject({ mailed: true })
  const code = codeIn(await waitForMail(invited, /invited/), 'register')
  const account = { email: invited, password: createFakePassword(), invite: code }
  expect((await uniroute.call('POST', '/auth/register', { body: account })).status).toBe(201)
  expect((await uniroute.call('POST', '/admin/invites', { token, body: {} })).body).toMatchObject({ mailed: false })
  const made = await uniroute.call('POST', '/admin/users', { token, body: { email: 'made@example.com' } })
  expect(made.body).toMatchObject({ mailed: true })
  expect(await reset(codeIn(await waitForMail('made@example.com', /account/), 'reset'), createFakePassword())).toBe(200)
})

test('an invitation to a team is mailed, twenty an hour per person at most', async () => {
  const [owner, member] = [await uniroute.createUser(), await uniroute.createUser()]
  const team = await uniroute.call('POST', '/admin/teams', { token: owner.token, body: { name: 'Click http://evil' } })
  const path = `/admin/teams/${team.body.id}/invites`
  const invite = (email: string) => uniroute.call('POST', path, { token: owner.token, body: { email } })
  expect((await invite(member.email)).body).toMatchObject({ mailed: true })
  const mail = await waitForMail(member.email, /team/)
  expect(mail.text).not.toContain('evil')
  const body = { code: codeIn(mail, 'join') }
  expect((await uniroute.call('POST', '/admin/teams/join', { token: member.token, body })).status).toBe(200)
  for (let i = 1; i < 20; i++) expect((await invite(`m${i}@example.com`)).body.mailed).toBe(true)
  expect(await invite('m20@example.com')).toMatchObject({ status: 201, body: { mailed: false } })
})

test('a key that its provider rejects is told to its owner by mail', async () => {
  const key = createFakeKey('openai', 'invalid')
  const { apiKey, email, token } = await uniroute.createCaller({ keys: { openai: key } })
  const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] }
  await uniroute.call('POST', '/v1/chat/completions', { token: apiKey, body })
  const mail = await waitForMail(email, /provider keys/)
  expect(mail.text).toContain(`ends ${key.slice(-4)}) was rejected`)
  const list = await uniroute.call('GET', '/admin/notifications', { token })
  expect(list.body).toMatchObject({ unread: 1 })
})

test('who registers openly confirms the address first, by a link that makes the account and works for nobody else', async () => {
  const SMTP_URL = `smtp://127.0.0.1:${smtp.port}?from=uniroute%40example.com`
  const open = await startUniRoute({ env: { SMTP_URL, REGISTRATION: 'open' } })
  const register = (body: object): Promise<Reply> => open.call('POST', '/auth/register', { body })
  const [email, password] = ['newcomer@example.com', createFakePassword()]
  expect(await register({ email })).toMatchObject({ status: 202, body: { message: expect.stringContaining('mail') } })
  expect((await open.call('POST', '/auth/login', { body: { email, password } })).status).toBe(401)
  const { text } = await waitForMail(email, /Confirm/)
  const invite = rememberSecret(new RegExp(`${open.url}/register#([\\w-]+)\n`).exec(text)![1]!)
  const stranger = { email: 'stranger@example.com', password, invite }
  expect((await register(stranger)).body.code).toBe('invalid_invite')
  expect((await register({ email, invite })).body.code).toBe('validation_failed')
  expect(await register({ email, password, invite })).toMatchObject({ status: 201, body: { user: { email } } })
  expect(await open.login(email, password)).toBeTypeOf('string')
  expect((await register({ email, password, invite })).status).toBe(403)
  expect((await register({ email })).body.code).toBe('email_taken')
  await open.stop()
  expect(open.scanAndRemove()).toEqual([])
})

test('a mail server that refuses or says nothing breaks nothing else, and is counted', async () => {
  const user = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'invalid') } })
  smtp.behave((step) => (step === 'MAIL' ? '550 5.7.1 not you' : undefined))
  expect((await askForReset(user.email)).status).toBe(200)
  const metrics = await vi.waitUntil(async () => {
    const { text } = await uniroute.call('GET', '/metrics')
    return /uniroute_mails_total\{result="failed"\} [1-9]/.test(text) ? text : undefined
  })
  expect(metrics).toMatch(/uniroute_mails_total\{result="sent"\} [1-9]/)
  smtp.behave(() => null)
  const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] }
  expect((await uniroute.call('POST', '/v1/chat/completions', { token: user.apiKey, body })).status).toBe(424)
  expect((await askForReset(user.email)).status).toBe(200)
  const list = await vi.waitUntil(async () => {
    const found = await uniroute.call('GET', '/admin/notifications', { token: user.token })
    return found.body.notifications.length > 0 ? found.body : undefined
  })
  expect(list.notifications[0].kind).toBe('key_rejected')
  smtp.behave(undefined)
})

test('who signs in with a provider and has no password is told so, and gets no link that would make one', async () => {
  const issuer = await startOidcIssuer()
  const settings = {
    SMTP_URL: `smtp://127.0.0.1:${smtp.port}?from=uniroute%40example.com`,
    OIDC_ISSUER: issuer.url,
    OIDC_CLIENT_ID: issuer.clientId,
    OIDC_CLIENT_SECRET: rememberSecret(issuer.clientSecret),
    OIDC_NAME: 'Example Login',
  }
  const server = await startUniRoute({ env: { ...settings, REGISTRATION: 'open' } })
  const forget = (email: string): Promise<Reply> => server.call('POST', '/auth/reset-request', { body: { email } })
  const email = String(issuer.person['email'])
  const begun = await fetch(`${server.url}/auth/oidc/begin`, { redirect: 'manual' })
  const back = await issuer.visit(begun.headers.get('location')!)
  const cookie = begun.headers.getSetCookie()[0]!.split(';')[0]!
  const entered = await fetch(`${server.url}/auth/oidc/callback?${back}`, { redirect: 'manual', headers: { cookie } })
  expect(entered.headers.get('location')).not.toContain('failed')
  const answers = [await forget(email), await forget('nobody-here@example.com')]
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
  const { text } = await waitForMail(email, /How you sign in/)
  expect(text).toContain('Example Login')
  expect(text).not.toContain('#')
  expect(smtp.mailsTo(email)).toHaveLength(1)
  // Whoever was made without a password and has never been at the provider gets a link.
  const token = await server.login()
  const made = 'made-for-later@example.com'
  expect((await server.call('POST', '/admin/users', { token, body: { email: made } })).status).toBe(201)
  await forget(made)
  await waitForMail(made, /new password/)
  // What an administrator does on purpose stays possible, and makes it an account with a password.
  const { users } = (await server.call('GET', '/admin/users', { token })).body
  const { id } = users.find((user: Json) => user.email === email)
  const link = await server.call('POST', `/admin/users/${id}/reset-link`, { token })
  const code = rememberSecret(link.body.url.split('#')[1])
  const password = createFakePassword()
  expect((await server.call('POST', '/auth/reset', { body: { code, password } })).status).toBe(200)
  await forget(email)
  await waitForMail(email, /new password/)
  await server.stop()
  await issuer.close()
  // The answer shows the link to whoever made it.
  const shown = /^POST \/admin\/users/
  expect(server.scanAndRemove().filter(({ where }) => !shown.test(where))).toEqual([])
})
