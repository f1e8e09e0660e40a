// The whole app in this process, with real sockets, a real SQLite file and timers as short as a test wants them. Put
// together as server/main.ts does it; tests of faults use it, because nobody waits 120 s in a test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createApp, type App } from '../../server/app.ts'
import { loadConfig } from '../../server/config/config.ts'
import { resolveSecrets } from '../../server/config/secrets.ts'
import { type Database, openDatabase } from '../../server/database/database.ts'
import { migrate } from '../../server/database/migrator.ts'
import { bootVault } from '../../server/features/admin/vault-boot.ts'
import type { Timers } from '../../server/gateway/watch.ts'
import { type Clock, systemClock } from '../../server/kernel/clock.ts'
import { createFakePassword } from '../fake-provider/fake-keys.ts'
import type { FakeProvider } from '../fake-provider/fake-provider.ts'
import { createUniRouteClient, type UniRouteClient } from './uniroute-client.ts'

export interface InProcessOptions {
  /** Points the three vendors at the fake. */
  readonly fake?: FakeProvider
  readonly timers?: Partial<Timers>
  readonly env?: Readonly<Record<string, string>>
  /** A migrated one that outlives the app, instead of a file of its own. */
  readonly database?: Database
  readonly clock?: Clock
}

export interface InProcessApp extends UniRouteClient {
  readonly url: string
  readonly port: number
  readonly app: App
  readonly database: Database
  readonly adminAccount: { readonly email: string; readonly password: string }
  /** What was logged, as lines. */
  readonly logged: string[]
  close(): Promise<void>
}

const SHARED = {
  master: Buffer.alloc(32, 7).toString('base64url'),
  jwt: Buffer.alloc(32, 9).toString('base64url'),
}

export async function startInProcess(options: InProcessOptions = {}): Promise<InProcessApp> {
  const dataDir = mkdtempSync(join(tmpdir(), 'uniroute-app-'))
  const admin = { email: 'admin@example.com', password: createFakePassword() }
  const { fake } = options
  const environment = {
    DATA_DIR: dataDir,
    UNIROUTE_ADMIN_EMAIL: admin.email,
    UNIROUTE_ADMIN_PASSWORD: admin.password,
    ...(fake && {
      OPENAI_BASE_URL: fake.urlOf('openai'),
      ANTHROPIC_BASE_URL: fake.urlOf('anthropic'),
      GOOGLE_BASE_URL: fake.urlOf('google'),
    }),
    // A database that is handed in may be shared, and its processes share their secrets.
    ...(options.database && { PROVIDER_KEY_ENCRYPTION_KEY: SHARED.master, JWT_SECRET: SHARED.jwt }),
    ...options.env,
  }
  const logged: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
  const config = loadConfig(environment, { cwd: dataDir })
  const mode = { production: false, databaseKind: options.database?.kind ?? 'sqlite', cwd: dataDir } as const
  const secrets = resolveSecrets(environment, dataDir, mode)
  const database = options.database ?? (await openDatabase({ file: join(dataDir, 'uniroute.db'), log }))
  const booted = await bootVault({
    database,
    secrets,
    dataDir,
    clock: systemClock,
    log,
    migrate: async () => void (await migrate(database, { clock: systemClock, log })),
  })
  let url = ''
  const app = createApp({
    config,
    database,
    booted,
    log,
    publicUrl: () => url,
    ...(options.timers && { timers: options.timers }),
    ...(options.clock && { clock: options.clock }),
  })
  await app.recover()
  await app.accounts.ensureEnvironmentAdmin(config.admin!)
  const { port } = await app.http.listen(0, '127.0.0.1')
  url = `http://127.0.0.1:${port}`
  return {
    ...createUniRouteClient(url, admin),
    url,
    port,
    app,
    database,
    adminAccount: admin,
    logged,
    async close() {
      app.http.server.closeAllConnections()
      await app.http.drain(1)
      await app.close()
      await booted.stop()
      if (!options.database) await database.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
