// `uniroute doctor`: looks at everything an installation needs, one line each: ok, warn or fail, and what to do about
// it.
import { count, type Command, print } from './command.ts'
import { checkDataFolder, checkDisk, checkJournal, checkNode } from './doctor-machine.ts'
import { checkProviders, checkRedis, checkServices } from './doctor-network.ts'
import { checkAudit, checkClock, checkRotation, checkSchemaVersion, checkSecrets } from './doctor-records.ts'
import type { Config } from '../config/config.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { GatewayError } from '../kernel/errors.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import type { Finding } from './finding.ts'
import { databaseOptionsOf, readConfig } from './installation.ts'

export const doctor: Command = {
  usage: '[--offline]',
  help: `Looks at Node, configuration, data folder, disk, database, schema, secrets, rotation, audit log, clock (beside that
of PostgreSQL), Redis, mail server, collector of traces, sign-in provider and providers, as far as they are set,
and prints a line for each: ok, warn or fail, with what to do. Changes nothing; the server may run.
Exit code 1 if anything fails.

  --offline   of the last four asks none whether it can be reached`,
  options: { offline: { type: 'boolean' } },
  words: [0, 0],
  async run({ options }) {
    const levels = { ok: 0, warn: 0, fail: 0 }
    const report = (findings: readonly Finding[]): void => {
      for (const { level, subject, message } of findings) {
        levels[level]++
        print(`${level.padEnd(5)}${subject.padEnd(14)}${message}`)
      }
    }
    report([checkNode()])
    const config = await attempt('configuration', report, async () => readConfig())
    if (config !== undefined) {
      report(describeWarnings(config))
      report(checkDataFolder(config))
      report([checkDisk(config), checkJournal(config)])
      await examineDatabase(config, report)
      report((await attempt('redis', report, () => checkRedis(config))) ?? [])
      if (options['offline'] !== true) report([...(await checkServices(config)), ...(await checkProviders(config))])
    }
    print(`${levels.ok} ok, ${count(levels.warn, 'warning')}, ${count(levels.fail, 'failure')}`)
    return levels.fail > 0 ? 1 : 0
  },
}

type Report = (findings: readonly Finding[]) => void

/** What a step gives; where it refuses, or the database stops answering, the sentence is the finding. */
async function attempt<Result>(
  subject: string,
  report: Report,
  step: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await step()
  } catch (error) {
    if (!(error instanceof StartRefused || error instanceof GatewayError)) throw error
    report([{ level: 'fail', subject, message: error.message.replaceAll(/\n\s*/g, ' ') }])
    return undefined
  }
}

function describeWarnings({ warnings }: Config): Finding[] {
  if (warnings.length === 0) return [{ level: 'ok', subject: 'configuration', message: 'every setting can be read' }]
  return warnings.map((message) => ({ level: 'warn', subject: 'configuration', message }))
}

async function examineDatabase(config: Config, report: Report): Promise<void> {
  const options = databaseOptionsOf(config)
  if (options === undefined) {
    report([{ level: 'warn', subject: 'database', message: 'there is none yet; the first start makes it' }])
    return
  }
  const database: Database | undefined = await attempt('database', report, () => openDatabase(options))
  if (database === undefined) return
  try {
    report([{ level: 'ok', subject: 'database', message: `${database.kind} opens and answers` }])
    const state = await attempt('schema', report, () => checkSchemaVersion(database))
    if (state === undefined) return
    report([state])
    if (state.level !== 'ok') return
    const secrets = await attempt('secrets', report, () => checkSecrets(config, database))
    if (secrets !== undefined) report(secrets)
    for (const check of [checkRotation, checkAudit, checkClock]) {
      const finding = await attempt('database', report, () => check(database))
      if (finding) report([finding])
    }
  } finally {
    await database.close()
  }
}
