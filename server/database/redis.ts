// The connection to Redis or Valkey: what instances share for speed, never for correctness. Whoever uses it has a way
// to do without, so nothing here waits long: a command is answered within a tenth of a second or counts as unanswered,
// and while the server does not answer nobody asks it, except for one PING at a time.
// Invariants: a start never waits for Redis; what goes wrong is said once when it begins and once when it is over, and
// neither says more than the message, since the address holds a password.
import { createHash } from 'node:crypto'
import type { createClient } from '@redis/client'
import type { Log } from '../kernel/log.ts'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import { StartRefused } from '../kernel/start-refused.ts'

/** Redis did not answer in time, refused, or is known to be away. The caller does without. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway'
}

export interface RedisScript {
  readonly text: string
  readonly sha: string
}

export function defineScript(text: string): RedisScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

export interface Redis {
  /** Does it answer? Else every call rejects at once. */
  readonly isUp: boolean
  /** Commands that went unanswered or were refused, since the start. */
  readonly failures: number
  /** Rejects with RedisAway alone. */
  send(command: readonly string[]): Promise<unknown>
  /** The same for a script, whose text travels only where the server does not know it yet. */
  run(script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown>
  /** Hears a channel, on a connection of its own; what is said while that is away is missed. */
  subscribe(channel: string, hear: (message: string) => void): void
  close(): void
}

export interface RedisOptions {
  readonly url: Secret
  readonly log: Log
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 100
const PROBE_MS = 250
const LONGEST_PAUSE_MS = 2_000
/** A PING unanswered for so long: the connection leads nowhere, and a new one is made. */
const DEAD_MS = 5_000
/** A server that comes and goes is not told of more often. */
const LOG_EVERY_MS = 60_000

/** Throws StartRefused where the address is none; never waits for the server. */
export async function openRedis({ url, log, timeoutMs = TIMEOUT_MS }: RedisOptions): Promise<Redis> {
  // Not read from the disk where nobody uses it.
  const { createClient } = await import('@redis/client')
  return createRedis({ open: () => openClient(createClient, url), log, timeoutMs })
}

type Client = ReturnType<typeof openClient>

interface Subscription {
  readonly channel: string
  readonly hear: (message: string) => void
}

// size: one connection and its state, which nobody else may change.
function createRedis({ open, log, timeoutMs }: { open: () => Client; log: Log; timeoutMs: number }): Redis {
  const subscriptions: Subscription[] = []
  let opened: Client[] = []
  let client = connect()
  let isUp = false
  let isClosed = false
  let failures = 0
  let toldAt: number | undefined
  let isAwayTold = false
  /** It refused a write because it follows another server: a new connection may lead to that one. */
  let isFollower = false
  let probe: NodeJS.Timeout | undefined

  function connect(): Client {
    const fresh = open()
    opened.push(fresh)
    fresh.on('ready', () => fresh === client && comeUp())
    fresh.on('error', (error: unknown) => fresh === client && goAway(error))
    void fresh.connect().catch((error: unknown) => fresh === client && goAway(error))
    return fresh
  }

  function reconnect(): void {
    for (const one of opened) one.destroy()
    opened = []
    isFollower = false
    client = connect()
    for (const one of subscriptions) listen(one)
  }

  function comeUp(): void {
    clearTimeout(probe)
    probe = undefined
    if (isUp || isClosed) return
    isUp = true
    if (isAwayTold) log.info('Redis answers again')
    isAwayTold = false
  }

  function goAway(error: unknown): void {
    if (isClosed) return
    isUp = false
    probe ??= setTimeout(() => void ask(), isFollower ? LONGEST_PAUSE_MS : PROBE_MS).unref()
    const now = performance.now()
    if (isAwayTold || (toldAt !== undefined && now - toldAt < LOG_EVERY_MS)) return
    toldAt = now
    isAwayTold = true
    log.warn({ error: messageOf(error) }, 'Redis does not answer: this instance goes on without it')
  }

  /** One PING to a connection that is there but silent. One that is gone comes back by itself. */
  async function ask(): Promise<void> {
    if (isFollower) reconnect()
    const asked = client
    try {
      if (asked.isReady) {
        await answerWithin(DEAD_MS, asked.ping())
        return comeUp()
      }
    } catch (error) {
      if (error instanceof RedisAway && !isClosed) reconnect()
    }
    probe = isClosed ? undefined : setTimeout(() => void ask(), PROBE_MS).unref()
  }

  async function send(command: readonly string[]): Promise<unknown> {
    if (!isUp) throw new RedisAway('Redis does not answer')
    try {
      return await answerWithin(timeoutMs, client.sendCommand(command))
    } catch (error) {
      if (isUnknownScript(error)) throw error
      failures++
      if (isReadOnly(error)) isFollower = true
      goAway(error)
      throw error instanceof RedisAway ? error : new RedisAway(messageOf(error))
    }
  }

  function listen({ channel, hear }: Subscription): void {
    const own = open()
    opened.push(own)
    // The connection that asks tells of a server that is away; one voice is enough.
    own.on('error', () => undefined)
    own
      .connect()
      .then(() => own.subscribe(channel, hear))
      .catch(() => undefined)
  }

  return {
    get isUp() {
      return isUp
    },
    get failures() {
      return failures
    },
    send,
    async run({ text, sha }, keys, args) {
      const rest = [String(keys.length), ...keys, ...args]
      try {
        return await send(['EVALSHA', sha, ...rest])
      } catch (error) {
        if (!isUnknownScript(error)) throw error
        return await send(['EVAL', text, ...rest])
      }
    },
    subscribe(channel, hear) {
      const subscription = { channel, hear }
      subscriptions.push(subscription)
      listen(subscription)
    },
    close() {
      isClosed = true
      isUp = false
      clearTimeout(probe)
      for (const one of opened) one.destroy()
    },
  }
}

function openClient(create: typeof createClient, url: Secret) {
  try {
    return create({
      url: revealSecret(url),
      name: 'uniroute',
      disableOfflineQueue: true,
      commandsQueueMaxLength: 20_000,
      socket: { connectTimeout: 2_000, reconnectStrategy: pauseBefore },
    })
  } catch {
    // What the parser says is not repeated: the address holds a password.
    throw new StartRefused('REDIS_URL is not an address of Redis (redis://user:password@host:6379/0).')
  }
}

/** Jittered, so that instances do not come back all at once. */
function pauseBefore(retries: number): number {
  return Math.min(50 * 2 ** Math.min(retries, 8), LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2)
}

async function answerWithin<Reply>(limitMs: number, work: Promise<Reply>): Promise<Reply> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RedisAway(`no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

function isReadOnly(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('READONLY')
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0])
  return error instanceof Error ? error.message : 'unknown'
}
