// Outgoing mail. Mails are short texts with a link or a notice; they wait in memory, few at a time are under way, and
// what a mail server refuses for now is tried again a little later.
// Invariants: nothing that asks for a mail waits for it or fails with it; the queue is bounded; neither a mail's text
// nor its recipient nor the server's password is ever logged; no mail makes the sender read a file or an address.
import type { Transporter } from 'nodemailer'
import type { SmtpServer } from '../config/smtp.ts'
import type { Log } from '../kernel/log.ts'
import { revealSecret } from '../kernel/secret.ts'

export interface Letter {
  readonly to: string
  readonly subject: string
  readonly text: string
}

export type MailResult = 'sent' | 'failed' | 'dropped'

export interface Mail {
  /** True once the mail server took it; false if it did not, or the queue was full. Never rejects. */
  send(letter: Letter): Promise<boolean>
  /** Composes (null: nothing to say) and sends behind the caller's back: whoever asked has had the answer by then. */
  sendLater(compose: () => Promise<Letter | null>): void
  /** How many went which way, since the start. */
  readonly results: ReadonlyMap<MailResult, number>
  /** Lets what is under way end, for a few seconds; what waits for another try is dropped. */
  close(): Promise<void>
}

export interface MailOptions {
  readonly server: SmtpServer
  readonly log: Log
  /** Waits before the second, third, … try. */
  readonly retryAfterMs?: readonly number[]
  readonly mostWaiting?: number
  /** For each step of the conversation with the mail server. */
  readonly timeoutMs?: number
}

const MOST_WAITING = 200
const AT_ONCE = 2
const STEP_MS = 15_000
const RETRY_AFTER_MS = [15_000, 120_000]
const LONGEST_CLOSE_MS = 5_000

export function createMail(options: MailOptions): Mail {
  const { server, log, mostWaiting = MOST_WAITING, retryAfterMs = RETRY_AFTER_MS, timeoutMs = STEP_MS } = options
  const results = new Map<MailResult, number>([
    ['sent', 0],
    ['failed', 0],
    ['dropped', 0],
  ])
  const open = new Set<Promise<unknown>>()
  const closing = new AbortController()
  let transporter: Promise<Transporter> | undefined
  const seats = createSeats(AT_ONCE)

  function count(result: MailResult): void {
    results.set(result, results.get(result)! + 1)
  }

  async function attempt(letter: Letter): Promise<void> {
    // Only servers that send mail load the package.
    transporter ??= connect(server, timeoutMs)
    await (
      await transporter
    ).sendMail({
      to: { name: '', address: letter.to },
      subject: letter.subject,
      text: letter.text,
    })
  }

  async function deliver(letter: Letter): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      try {
        await seats.during(() => attempt(letter))
        count('sent')
        return true
      } catch (error) {
        const wait = isPassing(error) ? retryAfterMs[tries - 1] : undefined
        log.warn({ ...describeFailure(error), tries, again: wait !== undefined }, 'a mail could not be sent')
        if (wait !== undefined && (await pause(wait, closing.signal))) continue
        count('failed')
        return false
      }
    }
  }

  /** One place in the queue, from composing to the last try. */
  async function take<Value>(otherwise: Value, work: () => Promise<Value>): Promise<Value> {
    if (open.size >= mostWaiting || closing.signal.aborted) {
      count('dropped')
      log.warn({ waiting: open.size }, 'a mail was not sent: too many are waiting, or the server is stopping')
      return otherwise
    }
    const running = work()
    open.add(running)
    try {
      return await running
    } finally {
      open.delete(running)
    }
  }

  async function composeAndDeliver(compose: () => Promise<Letter | null>): Promise<boolean> {
    // The answer to whoever asked goes out first, so its timing says nothing about what is found here.
    await new Promise(setImmediate)
    try {
      const letter = await compose()
      return letter !== null && (await deliver(letter))
    } catch (error) {
      count('failed')
      log.warn({ err: error }, 'a mail could not be written')
      return false
    }
  }

  return {
    results,
    send: (letter) => take(false, () => deliver(letter)),
    sendLater: (compose) => void take(false, () => composeAndDeliver(compose)),
    async close() {
      closing.abort()
      await Promise.race([Promise.allSettled(open), pause(LONGEST_CLOSE_MS, new AbortController().signal)])
      ;(await transporter?.catch(() => undefined))?.close()
    },
  }
}

async function connect(server: SmtpServer, timeoutMs: number): Promise<Transporter> {
  const { createTransport } = await import('nodemailer')
  const { host, port, protection, login, from } = server
  return createTransport(
    {
      host,
      port,
      secure: protection === 'tls',
      requireTLS: protection === 'starttls',
      ignoreTLS: protection === 'none',
      ...(login && { auth: { user: login.user, pass: revealSecret(login.password) } }),
      dnsTimeout: timeoutMs,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      maxResponseSize: 64 * 1024,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from: { name: 'UniRoute', address: from }, xMailer: false, headers: { 'Auto-Submitted': 'auto-generated' } },
  )
}

interface SmtpError extends Error {
  readonly code?: string
  readonly command?: string
  readonly responseCode?: number
}

/** Refused for now (4xx, as greylisting does) or not reached: worth another try. */
function isPassing(error: unknown): boolean {
  const { code, responseCode } = error as SmtpError
  if (responseCode !== undefined) return responseCode >= 400 && responseCode < 500
  return code !== 'EAUTH' && code !== 'EENVELOPE' && code !== 'ETLS'
}

/** The facts alone: a mail server's own text repeats addresses. */
function describeFailure(error: unknown): object {
  const { code, command, responseCode, name } = error as SmtpError
  const step = command?.split(' ')[0]
  return { error: code ?? name, ...(step && { step }), ...(responseCode && { response: responseCode }) }
}

/** Lets so many work at once; the others wait their turn. */
function createSeats(count: number): { during<Value>(work: () => Promise<Value>): Promise<Value> } {
  let free = count
  const waiting: (() => void)[] = []
  return {
    async during(work) {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else free++
      }
    },
  }
}

/** True after the wait, false if it was broken off. */
function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false)
    const stop = (): void => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve(true)
    }, milliseconds)
    timer.unref()
    signal.addEventListener('abort', stop, { once: true })
  })
}
