// A small mail server of one's own for tests: speaks enough SMTP to take mails, and refuses them as a test asks.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  /** By lower-case name, folded lines joined. */
  readonly headers: Readonly<Record<string, string>>
  /** As a reader would see it. */
  readonly text: string
}

/**
 * What the server says to a command, by its first word (or `GREETING`, `BODY`), instead of agreeing; `null`: nothing at
 * all.
 */
export type SmtpScript = (step: string, line: string) => string | null | undefined

export interface TestSmtpServer {
  readonly port: number
  readonly mails: ReceivedMail[]
  /** The lines that clients said, the mails themselves left out. */
  readonly said: string[]
  /** From here on; undefined agrees to everything. */
  behave(script: SmtpScript | undefined): void
  mailsTo(address: string): ReceivedMail[]
  close(): Promise<void>
}

export interface TestSmtpOptions {
  /** Asks for this password of anybody who signs in. */
  readonly password?: string
  readonly port?: number
}

export async function startSmtpServer(options: TestSmtpOptions = {}): Promise<TestSmtpServer> {
  const mails: ReceivedMail[] = []
  const said: string[] = []
  const sockets = new Set<Socket>()
  let script: SmtpScript | undefined

  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
    const envelope = { from: '', to: [] as string[] }
    let waiting = ''
    let inBody = false
    const say = (step: string, line: string, otherwise: string): void => {
      const answer = script?.(step, line)
      if (answer === null) return
      socket.write(`${answer ?? otherwise}\r\n`)
    }
    const takeMail = (raw: string): void => {
      const answer = script?.('BODY', '')
      if (answer === undefined) mails.push({ ...envelope, ...parseMail(raw) })
      if (answer !== null) socket.write(`${answer ?? '250 taken'}\r\n`)
      inBody = false
      envelope.from = ''
      envelope.to = []
    }
    const takeLine = (line: string): void => {
      said.push(line)
      const step = line.split(/[ :]/)[0]!.toUpperCase()
      if (step === 'EHLO') return say(step, line, '250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME')
      if (step === 'STARTTLS') return say(step, line, '502 5.5.1 not here')
      if (step === 'AUTH') {
        const given = Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .split('\0')[2]
        return say(step, line, given === options.password ? '235 welcome' : '535 5.7.8 wrong user or password')
      }
      const address = /<([^>]*)>/.exec(line)?.[1] ?? ''
      if (step === 'MAIL') envelope.from = address
      if (step === 'RCPT') envelope.to.push(address)
      if (step === 'DATA') {
        const answer = script?.(step, line)
        inBody = answer === undefined
        return say(step, line, '354 go on')
      }
      if (step === 'QUIT') return void socket.end('221 bye\r\n')
      say(step, line, '250 ok')
    }
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      waiting += chunk
      for (;;) {
        const end = waiting.indexOf(inBody ? '\r\n.\r\n' : '\r\n')
        if (end === -1) return
        const part = waiting.slice(0, end)
        waiting = waiting.slice(end + (inBody ? 5 : 2))
        if (inBody) takeMail(part)
        else takeLine(part)
      }
    })
    say('GREETING', '', '220 test ESMTP')
  })

  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    said,
    behave: (next) => void (script = next),
    mailsTo: (address) => mails.filter((mail) => mail.to.includes(address)),
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function parseMail(raw: string): Pick<ReceivedMail, 'headers' | 'text'> {
  const end = raw.indexOf('\r\n\r\n')
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const body = raw.slice(end + 4)
  return { headers, text: decodeBody(body, headers['content-transfer-encoding'] ?? '7bit').replaceAll('\r\n', '\n') }
}

function decodeBody(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString()
  if (encoding !== 'quoted-printable') return body
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
