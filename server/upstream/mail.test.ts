// Mail over real sockets: what arrives, what is tried again, and what never leaves.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { startSmtpServer, type TestSmtpOptions, type TestSmtpServer } from '../../test/support/smtp-server.ts'
import { pino } from 'pino'
import { parseSmtpUrl } from '../config/smtp.ts'
import { createMail, type Letter, type Mail, type MailOptions } from './mail.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

interface World {
  readonly smtp: TestSmtpServer
  readonly mail: Mail
  readonly logged: string[]
}

const PASSWORD = 'CANARY-of-the-mail-server'

async function begin(given: { smtp?: TestSmtpOptions; query?: string } & Partial<MailOptions> = {}): Promise<World> {
  const smtp = await startSmtpServer({ password: PASSWORD, ...given.smtp })
  const logged: string[] = []
  const url = `smtp://uniroute%40example.com:${PASSWORD}@127.0.0.1:${smtp.port}${given.query ?? ''}`
  const mail = createMail({
    server: given.server ?? parseSmtpUrl(url),
    log: pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) }),
    retryAfterMs: given.retryAfterMs ?? [1, 1],
    ...(given.mostWaiting !== undefined && { mostWaiting: given.mostWaiting }),
    ...(given.timeoutMs !== undefined && { timeoutMs: given.timeoutMs }),
  })
  open.push(smtp, mail)
  return { smtp, mail, logged }
}

const letter = (text = 'Hello'): Letter => ({ to: 'ada@example.org', subject: 'A subject', text })
const LINK = 'https://uniroute.example.com/reset#0123456789abcdefghijklmnopqrstuvwxyzABCDEF_-=='

describe('a mail', () => {
  test('arrives with its link whole, from the server’s own address, marked as sent by a machine', async () => {
    const { smtp, mail } = await begin()
    expect(await mail.send(letter(`Grüße\n\n${LINK}\n\n.\nEnd\n`))).toBe(true)
    expect(smtp.mails).toHaveLength(1)
    expect(smtp.mails[0]).toMatchObject({
      from: 'uniroute@example.com',
      to: ['ada@example.org'],
      headers: { subject: 'A subject', from: 'UniRoute <uniroute@example.com>', 'auto-submitted': 'auto-generated' },
    })
    expect(smtp.mails[0]!.text).toContain(`Grüße\n\n${LINK}\n`)
    expect(smtp.mails[0]!.headers).not.toHaveProperty('x-mailer')
  })

  test('goes to one address only, whatever stands in it', async () => {
    const { smtp, mail } = await begin()
    await mail.send({ ...letter(), to: 'a@example.org, b@example.org', subject: 'x\r\nBcc: c@example.org' })
    expect(smtp.said.filter((line) => line.startsWith('RCPT') && !line.includes('a@example.org'))).toEqual([])
    expect(smtp.mails.flatMap(({ headers }) => Object.keys(headers))).not.toContain('bcc')
  })

  test('has the sender that the operator names', async () => {
    const { smtp, mail } = await begin({ query: '?from=no-reply%40example.net' })
    await mail.send(letter())
    expect(smtp.mails[0]!.from).toBe('no-reply@example.net')
  })
})

describe('a mail server that', () => {
  test('refuses for now gets the mail again; one that refuses for good does not', async () => {
    const { smtp, mail } = await begin()
    let asked = 0
    smtp.behave((step) => (step === 'RCPT' && ++asked < 3 ? '451 4.7.1 greylisted' : undefined))
    expect(await mail.send(letter())).toBe(true)
    expect([asked, smtp.mails.length]).toEqual([3, 1])
    asked = 0
    smtp.behave((step) => (step === 'RCPT' ? (asked++, '550 5.1.1 no such mailbox') : undefined))
    expect(await mail.send(letter())).toBe(false)
    expect(asked).toBe(1)
    expect(Object.fromEntries(mail.results)).toEqual({ sent: 1, failed: 1, dropped: 0 })
  })

  test('rejects the password is told so in the log, and neither password, text nor recipient stands there', async () => {
    const { mail, logged } = await begin({ smtp: { password: 'another' } })
    expect(await mail.send(letter(LINK))).toBe(false)
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ error: 'EAUTH', response: 535, again: false }])
    for (const secret of [PASSWORD, Buffer.from(PASSWORD).toString('base64').slice(2, 20), LINK, 'ada@example.org']) {
      expect(logged.join('')).not.toContain(secret)
    }
  })

  test('says nothing is given up after its time', async () => {
    const { smtp, mail } = await begin({ timeoutMs: 50, retryAfterMs: [] })
    smtp.behave((step) => (step === 'GREETING' ? null : undefined))
    expect(await mail.send(letter())).toBe(false)
  })

  test('is not there fails nobody', async () => {
    const { smtp, mail } = await begin()
    await smtp.close()
    open.splice(open.indexOf(smtp), 1)
    expect(await mail.send(letter())).toBe(false)
    expect(mail.results.get('failed')).toBe(1)
  })

  test('offers no protection gets nothing, where it is wanted', async () => {
    const { smtp } = await begin()
    const server = {
      ...parseSmtpUrl(`smtp://a%40b.example:${PASSWORD}@127.0.0.1:${smtp.port}`),
      protection: 'starttls',
    } as const
    const { mail } = await begin({ server })
    expect(await mail.send(letter())).toBe(false)
    expect(smtp.said.filter((line) => /^(AUTH|MAIL|DATA)/.test(line))).toEqual([])
  })
})

describe('the queue', () => {
  test('is bounded: what does not fit is dropped and counted', async () => {
    const { smtp, mail } = await begin({ mostWaiting: 3 })
    smtp.behave((step) => (step === 'GREETING' ? null : undefined))
    for (let i = 0; i < 3; i++) void mail.send(letter())
    expect(await mail.send(letter())).toBe(false)
    expect(mail.results.get('dropped')).toBe(1)
  })

  test('writes a mail only after the caller has gone on, and a failure there is its own', async () => {
    const { smtp, mail } = await begin()
    const order: string[] = []
    mail.sendLater(async () => {
      order.push('composed')
      return letter()
    })
    mail.sendLater(async () => null)
    mail.sendLater(() => Promise.reject(new Error('the database is gone')))
    order.push('went on')
    await vi.waitUntil(() => smtp.mails.length === 1 && mail.results.get('failed') === 1, 20_000)
    expect(order).toEqual(['went on', 'composed'])
  })

  test('ends at once with the server, though a mail waits for another try', async () => {
    const { smtp, mail } = await begin({ retryAfterMs: [3_600_000] })
    smtp.behave((step) => (step === 'MAIL' ? '421 later' : undefined))
    const sent = mail.send(letter())
    await vi.waitUntil(() => smtp.said.some((line) => line.startsWith('MAIL')), 20_000)
    await mail.close()
    expect(await sent).toBe(false)
    expect(await mail.send(letter())).toBe(false)
  })
})
