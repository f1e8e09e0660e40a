// What can be read on its way by others: passwords, keys and usage that travel without TLS beyond this machine and its own
// network. Told at each start and by `uniroute doctor`; nothing is refused, for TLS may be somebody else's here.
import { revealSecret, type Secret } from '../kernel/secret.ts'

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|::1|0:0:0:0:0:0:0:1)$/i
/** Addresses of private networks, and names that only resolve there. */
const NEAR_ADDRESS = /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe80:)/i
const NEAR_NAME = /^[^.]*$|\.(?:local|localhost|internal|lan|svc|home\.arpa)$|\.svc\./i
const ENCRYPTING = new Set(['require', 'verify-ca', 'verify-full', 'no-verify'])

/** The settings that decide it. */
interface Reach {
  readonly host: string
  readonly publicUrl: string | null
  readonly isTrustedProxy: (address: string) => boolean
  readonly databaseUrl: Secret | null
  readonly redisUrl: Secret | null
}

/** One sentence each, with what to do. */
export function listExposures(config: Reach): string[] {
  const { host, publicUrl, isTrustedProxy } = config
  const found = []
  if (!LOOPBACK.test(host) && !publicUrl?.startsWith('https:')) {
    found.push(
      `HOST=${host} can be reached from other machines, and nothing says that TLS stands in front: passwords and keys would travel readable. Put a TLS proxy in front and set PUBLIC_URL=https://…, or listen on 127.0.0.1.`,
    )
  }
  // Two addresses of documentation networks, which no real proxy has: only a range of everybody holds them.
  if (isTrustedProxy('192.0.2.1') || isTrustedProxy('2001:db8::1')) {
    found.push('TRUST_PROXY trusts everybody: any client can then claim any address. Name the proxies only.')
  }
  if (isReadable(config.databaseUrl, ({ searchParams }) => ENCRYPTING.has(searchParams.get('sslmode') ?? ''))) {
    found.push(
      'DATABASE_URL leads out of this network without TLS: what users are and spend would travel readable. Add ?sslmode=verify-full to it.',
    )
  }
  if (isReadable(config.redisUrl, ({ protocol }) => protocol === 'rediss:')) {
    found.push('REDIS_URL leads out of this network without TLS. Write it with rediss://.')
  }
  return found
}

function isReadable(secret: Secret | null, isEncrypted: (url: URL) => boolean): boolean {
  if (secret === null) return false
  const url = new URL(revealSecret(secret))
  return !isNear(url.hostname.replace(/^\[|\]$/g, '')) && !isEncrypted(url)
}

function isNear(host: string): boolean {
  return LOOPBACK.test(host) || NEAR_ADDRESS.test(host) || (!host.includes(':') && NEAR_NAME.test(host))
}
