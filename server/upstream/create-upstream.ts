// Which client carries outbound HTTP: our own, or undici's pools (docs/decisions/2026-11-23-own-upstream-client.md).
import { createHttp1Client } from './http1/client.ts'
import { createUndiciClient } from './undici-client.ts'
import type { Upstream } from './upstream.ts'

const CONNECT_TIMEOUT_MS = 10_000

export function createUpstream(options: { client?: 'own' | 'undici'; connectTimeoutMs?: number } = {}): Upstream {
  const { client = 'own', connectTimeoutMs = CONNECT_TIMEOUT_MS } = options
  return client === 'own' ? createHttp1Client(connectTimeoutMs) : createUndiciClient(connectTimeoutMs)
}
