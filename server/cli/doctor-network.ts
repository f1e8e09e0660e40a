// Whether what this installation talks to can be reached from here: a connection to each is opened and closed; no
// request, no key. Redis alone is asked something, since its address may hold a password that it does not take.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { openRedis } from '../database/redis.ts'
import { createLog } from '../kernel/log.ts'
import { createProviders } from '../providers/registry.ts'
import type { Finding } from './finding.ts'

const PATIENCE_MS = 5_000

export function checkProviders(config: Config): Promise<Finding[]> {
  const { all } = createProviders({
    endpoints: config.providerEndpoints,
    custom: config.configuredProviders,
    serverKeys: {},
    userBaseUrls: false,
  })
  return Promise.all(all.map(({ id, origin }) => checkAddress('provider', `${id}: ${origin}`, placeOf(origin))))
}

/** The mail server, the collector of traces and the sign-in provider, as far as there are any. */
export function checkServices({ smtp, traces, oidc }: Config): Promise<Finding[]> {
  const checks: Promise<Finding>[] = []
  if (smtp) checks.push(checkAddress('mail', `${smtp.host}:${smtp.port}`, smtp))
  if (traces) checks.push(checkUrl('traces', traces.endpoint))
  if (oidc) checks.push(checkUrl('sign-in', oidc.issuer))
  return Promise.all(checks)
}

export async function checkRedis({ redisUrl }: Config): Promise<Finding[]> {
  if (redisUrl === null) return []
  const subject = 'redis'
  const redis = await openRedis({ url: redisUrl, log: createLog({ level: 'silent' }) })
  try {
    const until = performance.now() + PATIENCE_MS
    while (!redis.isUp && performance.now() < until) await sleep(50)
    if (redis.isUp) return [{ level: 'ok', subject, message: 'answers' }]
  } finally {
    redis.close()
  }
  const message =
    'does not answer, or does not take what REDIS_URL says; until it does, each instance goes on without it'
  return [{ level: 'warn', subject, message }]
}

interface Place {
  readonly host: string
  readonly port: number
}

function placeOf(url: string): Place {
  const { protocol, hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80) }
}

/** Named by its origin alone: what else stands in an address may be a secret. */
function checkUrl(subject: string, url: string): Promise<Finding> {
  const { origin } = new URL(url)
  return checkAddress(subject, origin, placeOf(origin))
}

async function checkAddress(subject: string, name: string, place: Place): Promise<Finding> {
  const fault = await tryConnecting(place)
  if (fault === null) return { level: 'ok', subject, message: `${name} accepts connections` }
  const message = `${name} cannot be reached (${fault}); look at the network, a proxy or the address`
  return { level: 'warn', subject, message }
}

/** The system's word for what failed, or null. */
function tryConnecting({ host, port }: Place): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port })
    const end = (fault: string | null): void => {
      socket.destroy()
      resolve(fault)
    }
    socket.setTimeout(PATIENCE_MS, () => end('no answer'))
    socket.once('connect', () => end(null))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'failed'))
  })
}
