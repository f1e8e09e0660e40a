// How SMTP_URL is read, and what it complains about without repeating it.
import { describe, expect, test } from 'vitest'
import { revealSecret } from '../kernel/secret.ts'
import { parseSmtpUrl } from './smtp.ts'
import { WrongValue } from './wrong-value.ts'

describe('SMTP_URL', () => {
  test('names server, port, login and sender', () => {
    const server = parseSmtpUrl('smtps://uniroute%40example.com:p%25%3A%2Fss@mail.example.com')
    expect(server).toMatchObject({
      host: 'mail.example.com',
      port: 465,
      protection: 'tls',
      login: { user: 'uniroute@example.com' },
      from: 'uniroute@example.com',
    })
    expect(revealSecret(server.login!.password)).toBe('p%:/ss')
    expect(JSON.stringify(server)).not.toContain('ss"')
  })

  test.each([
    ['smtp://mail.example.com?from=a%40example.com', 587, 'starttls'],
    ['smtp://mail.example.com:25?from=a@example.com&tls=off', 25, 'none'],
    ['smtp://127.0.0.1:2525/?from=a@example.com', 2525, 'if-offered'],
    ['smtp://[::1]?from=a@example.com', 587, 'if-offered'],
    ['smtps://[2001:db8::1]?from=a@example.com', 465, 'tls'],
  ])('%s: port %i, %s', (text, port, protection) => {
    expect(parseSmtpUrl(text)).toMatchObject({ port, protection, login: null, from: 'a@example.com' })
  })

  test.each([
    ['http://mail.example.com', 'begins with smtp'],
    ['mail.example.com', 'begins with smtp'],
    ['smtp://?from=a@example.com', 'no host'],
    ['smtps://user:hunter2@mail.example.com', 'names no sender'],
    ['smtp://mail.example.com', 'names no sender'],
    ['smtp://mail.example.com?from=a@b.example,c@d.example', 'names no sender'],
    ['smtp://mail.example.com?from=a@b.example%0d%0aBcc:x', 'names no sender'],
    ['smtp://mail.example.com?from=a@b.example&tls=on', 'word off'],
    ['smtps://mail.example.com?from=a@b.example&tls=off', 'contradicts'],
    ['smtp://mail.example.com?from=a@b.example&pool=true', 'parameter'],
    ['smtp://mail.example.com/inbox?from=a@b.example', 'behind the host'],
    ['smtp://a%40b.example:100%@mail.example.com', 'percent'],
  ])('%s is refused', (text, why) => {
    const complain = (): unknown => parseSmtpUrl(text)
    expect(complain).toThrow(WrongValue)
    expect(complain).toThrow(why)
    expect(complain).not.toThrow('hunter2')
  })
})
