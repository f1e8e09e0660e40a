// The real HTTP server round a few routes, for tests of the inbound mechanism.
import { pino } from 'pino'
import { systemClock } from '../../server/kernel/clock.ts'
import { GatewayError } from '../../server/kernel/errors.ts'
import { createHttp, type Http, type HttpOptions } from '../../server/http/server.ts'
import type { Principal } from '../../server/http/route.ts'

export interface TestHttp {
  readonly http: Http
  readonly port: number
  readonly url: string
  /** Everything that was logged, as lines. */
  readonly logged: string[]
}

const person = (role: 'user' | 'admin'): Principal => ({
  kind: 'session',
  userId: `the-${role}`,
  role,
  sessionId: 's',
  apiKeyId: null,
  teamId: null,
  authenticatedAt: 0,
})

/** Tokens that `startTestHttp` knows. */
export const USER_TOKEN = 'aaa.user.ccc'
export const ADMIN_TOKEN = 'aaa.admin.ccc'
export const GOOD_KEY = `ur_${'k'.repeat(49)}`

export async function authenticateForTest(credential: Parameters<HttpOptions['authenticate']>[0]): Promise<Principal> {
  if (credential.kind === 'session' && credential.token === USER_TOKEN) return person('user')
  if (credential.kind === 'session' && credential.token === ADMIN_TOKEN) return person('admin')
  if (credential.kind === 'api-key' && credential.key === GOOD_KEY) {
    return { ...person('user'), kind: 'api-key', sessionId: null, apiKeyId: 'k' }
  }
  throw new GatewayError(credential.kind === 'session' ? 'session_expired' : 'invalid_api_key')
}

export async function startTestHttp(options: Partial<HttpOptions> & Pick<HttpOptions, 'routes'>): Promise<TestHttp> {
  const logged: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
  let port = 0
  const http = createHttp({
    authenticate: authenticateForTest,
    clock: systemClock,
    log,
    publicUrl: () => `http://localhost:${port}`,
    ...options,
  })
  port = (await http.listen(0, '127.0.0.1')).port
  return { http, port, url: `http://127.0.0.1:${port}`, logged }
}
