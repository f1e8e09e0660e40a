// Several UniRoute processes on one PostgreSQL database of their own, with Redis between them or without, and a
// provider behind them.
import { createFakePassword, randomText, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import type { Leak } from './canary-scan.ts'
import { createPostgresDatabase, dropPostgresDatabase } from './databases.ts'
import { startRedis, type RedisServer } from './redis-server.ts'
import { startUniRoute, type UniRoute } from './uniroute-process.ts'

export interface Instances {
  readonly databaseUrl: string
  readonly servers: readonly UniRoute[]
  readonly fake: FakeProvider
  readonly redis: RedisServer | null
  /** A further one. */
  start(env?: Readonly<Record<string, string>>): Promise<UniRoute>
  /** Ends everything, removes the database, and tells which secrets stood where they must not. */
  stop(): Promise<Leak[]>
}

export async function startInstances(options: {
  readonly count: number
  readonly redis?: boolean
  readonly env?: Readonly<Record<string, string>>
}): Promise<Instances> {
  const databaseUrl = await createPostgresDatabase()
  const redis = options.redis === true ? await startRedis() : null
  const fake = await startFakeProvider()
  const servers: UniRoute[] = []
  const common = {
    PROVIDER_KEY_ENCRYPTION_KEY: rememberSecret(`CANARY${randomText(48)}`),
    JWT_SECRET: rememberSecret(`CANARY${randomText(48)}`),
    ...(redis && { REDIS_URL: redis.url }),
    ...options.env,
  }
  const adminAccount = { email: 'admin@example.com', password: createFakePassword() }

  async function start(env: Readonly<Record<string, string>> = {}): Promise<UniRoute> {
    const server = await startUniRoute({ fake, databaseUrl, adminAccount, env: { ...common, ...env } })
    servers.push(server)
    return server
  }

  async function stop(): Promise<Leak[]> {
    const leaks: Leak[] = []
    for (const server of servers) {
      await server.stop()
      leaks.push(...server.scanAndRemove())
    }
    await fake.close()
    await redis?.kill()
    await dropPostgresDatabase(databaseUrl)
    return leaks
  }

  try {
    for (let at = 0; at < options.count; at++) await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { databaseUrl, servers, fake, redis, start, stop }
}
