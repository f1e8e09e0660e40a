// Starts UniRoute: reads the configuration, opens the database and the vault, listens, and drains on SIGTERM. With
// WORKERS above 1 the first process only starts others like itself (main/primary.ts).
// stdout carries the ready line (and the set-up link while no administrator exists); everything else is a log on
// stderr.
import cluster from 'node:cluster'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createApp, type App } from './app.ts'
import { forgetSecrets, loadConfig, type Config } from './config/config.ts'
import { resolveSecrets } from './config/secrets.ts'
import { openDatabase, type Database } from './database/database.ts'
import { checkSchema, migrate } from './database/migrator.ts'
import { createPostgresWire } from './database/postgres-wire.ts'
import { openRedis, type Redis } from './database/redis.ts'
import { createRedisWire } from './database/redis-wire.ts'
import { bootVault, VAULT_WARNINGS, type BootedVault } from './features/admin/vault-boot.ts'
import { describeException } from './http/answers.ts'
import { systemClock } from './kernel/clock.ts'
import { GatewayError } from './kernel/errors.ts'
import { createLog, type Log } from './kernel/log.ts'
import { revealSecret } from './kernel/secret.ts'
import { StartRefused } from './kernel/start-refused.ts'
import type { Wire } from './kernel/wire.ts'
import { linkToPrimary, type WorkerLink } from './main/messages.ts'
import { runPrimary } from './main/primary.ts'

/** When a whole process group is signalled, launchers pass the signal on once more; that is no second wish. */
const ECHO_MS = 1_000
/** EX_TEMPFAIL of sysexits: a supervisor should start us again. */
const EXIT_TRY_LATER = 75
const LEAST_NODE = [24, 7] as const

interface Running {
  readonly config: Config
  readonly database: Database
  readonly booted: BootedVault
  readonly app: App
  readonly log: Log
  /** null: this process is alone on its machine. */
  readonly link: WorkerLink | null
}

async function start(): Promise<void> {
  checkNode()
  const config = loadConfig(process.env, { cwd: process.cwd() })
  const log = createLog({ level: config.logLevel, pretty: process.stderr.isTTY === true })
  if (config.workers > 1 && cluster.isPrimary) return runPrimary({ workers: config.workers, log })
  const running = await open(config, log)
  forgetSecrets(process.env, config)
  for (const warning of config.warnings) log.warn(warning)
  for (const code of running.booted.warnings) log.warn({ code }, VAULT_WARNINGS[code])
  // Before anybody is told that we are ready: who is told may stop us at once.
  process.on('SIGTERM', () => stop(running))
  process.on('SIGINT', () => stop(running))
  await serve(running)
  process.on('uncaughtException', (error) => {
    log.fatal(describeException(error), 'uncaught exception; draining')
    stop(running, 1)
  })
}

async function open(config: Config, log: Log): Promise<Running> {
  const databaseKind = config.databaseUrl === null ? 'sqlite' : 'postgres'
  const mode = { production: config.production, databaseKind, cwd: process.cwd() } as const
  const secrets = resolveSecrets(process.env, config.dataDir, mode)
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const database = await openDatabase(
    config.databaseUrl === null
      ? { file: join(config.dataDir, 'uniroute.db'), log }
      : { url: revealSecret(config.databaseUrl), log },
  )
  let booted: BootedVault | undefined
  let redis: Redis | null = null
  try {
    const link = cluster.isWorker ? linkToPrimary(process) : null
    redis = config.redisUrl && (await openRedis({ url: config.redisUrl, log }))
    await checkSchema(database)
    booted = await bootVault({
      database,
      secrets,
      dataDir: config.dataDir,
      clock: systemClock,
      log,
      migrate: async () => void (await migrate(database, { clock: systemClock, log })),
    })
    const publicUrl = (): string => config.publicUrl ?? addressOf(app, config)
    const wires = createWires(config, database, { redis, link, log })
    const app: App = createApp({
      config,
      database,
      booted,
      redis,
      wires,
      workers: link,
      log,
      publicUrl,
    })
    await app.recover()
    if (config.admin) {
      const { created, warning } = await app.accounts.ensureEnvironmentAdmin(config.admin)
      if (created) log.info('the administrator of UNIROUTE_ADMIN_EMAIL was created')
      if (warning) log.warn(warning)
    }
    return { config, database, booted, app, log, link }
  } catch (error) {
    redis?.close()
    await booted?.stop()
    await database.close()
    throw error
  }
}

/** The ways to other instances. */
function createWires(
  { databaseUrl }: Config,
  database: Database,
  { redis, link, log }: { redis: Redis | null; link: WorkerLink | null; log: Log },
): Wire[] {
  return [
    ...(databaseUrl ? [createPostgresWire({ url: databaseUrl, database, log })] : []),
    ...(redis ? [createRedisWire(redis)] : []),
    ...(link ? [link.wire] : []),
  ]
}

async function serve(running: Running): Promise<void> {
  const { config, app, log, link } = running
  await app.http.listen(config.port, config.host)
  const url = config.publicUrl ?? addressOf(app, config)
  log.info({ url }, 'listening')
  if (!link) return present(running, url)
  link.ready(() => {
    present(running, url).catch((error: unknown) => log.error(describeException(error), 'the address was not told'))
  })
}

/** Says where we are to be found, and how to set up while no administrator exists. */
async function present({ config, app }: Running, url: string): Promise<void> {
  const setupCode = config.admin === null ? await app.accounts.issueSetupCode() : null
  process.stdout.write(`UniRoute ready at ${url}\n`)
  if (setupCode !== null) process.stdout.write(`Set up: ${url}/setup#${setupCode}\n`)
}

function addressOf(app: App, config: Config): string {
  const address = app.http.server.address()
  const port = typeof address === 'object' && address ? address.port : config.port
  const host =
    config.host === '0.0.0.0' || config.host === '::' || config.host === '127.0.0.1' ? 'localhost' : config.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

let stoppingSince: number | null = null

function stop(running: Running, exitCode = 0): void {
  const now = performance.now()
  if (stoppingSince !== null) {
    if (now - stoppingSince > ECHO_MS) process.exit(exitCode || 1)
    return
  }
  stoppingSince = now
  const { app, booted, database, config, log } = running
  log.info({ in_flight: app.http.inFlight }, 'draining')
  const drain = async (): Promise<void> => {
    const { cut } = await app.http.drain(config.drainMs / 1000)
    if (cut > 0) log.warn({ cut }, 'requests were still running at the end of the drain')
    await app.close()
    await booted.stop()
    await database.close()
  }
  drain().then(
    () => process.exit(exitCode),
    (error: unknown) => {
      log.error(describeException(error), 'could not stop cleanly')
      process.exit(1)
    },
  )
}

function checkNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return
  throw new StartRefused(
    `UniRoute needs Node ${LEAST_NODE.join('.')} or newer; this is ${process.versions.node}. Start it with npm start, which brings its own.`,
  )
}

/** A database that does not answer now may do so at the next start. */
function explainFailure(error: unknown): unknown {
  if (!(error instanceof GatewayError) || error.code !== 'storage_unavailable') return error
  return new StartRefused(
    'the database does not answer: another program may have it locked, or it is busy. Close that program, then start again.',
    EXIT_TRY_LATER,
  )
}

start().catch((thrown: unknown) => {
  const error = explainFailure(thrown)
  if (error instanceof StartRefused) {
    process.stderr.write(`UniRoute did not start: ${error.message}\n`)
    process.exit(error.exitCode)
  }
  process.stderr.write(`UniRoute did not start: ${JSON.stringify(describeException(error))}\n`)
  process.exit(1)
})
