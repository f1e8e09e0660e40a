// `uniroute doctor`: looks at everything an installation needs, one line each: ok, warn or fail, and what to do about it.
import { count, type Command, print } from './command.ts'
import { checkDataFolder, checkDisk, checkJournal, checkNode } from './doctor-machine.ts'
import { checkProviders } from './doctor-providers.ts'
import { checkAudit, checkClock, checkRotation, checkSchemaVersion, checkSecrets } from './doctor-records.ts'
import type { Config } from '../config/config.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import type { Finding } from './finding.ts'
import { databaseOptionsOf, readConfig } from './installation.ts'

export const doctor: Command = {
  usage: '[--offline]',
  help: `Looks at Node, configuration, data folder, disk, database, schema, secrets, rotation, audit log, clock and providers,
and prints a line for each: ok, warn or fail, with what to do. Changes nothing; the server may run.
Exit code 1 if anything fails.

  --offline   does not ask whether the providers can be reached`,
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
      if (options['offline'] !== true) report(await checkProviders(config))
    }
    print(`${levels.ok} ok, ${count(levels.warn, 'warning')}, ${count(levels.fail, 'failure')}`)
    return levels.fail > 0 ? 1 : 0
  },
}

type Report = (findings: readonly Finding[]) => void

/** What a step gives; where it refuses, its sentence is the finding. */
async function attempt<Result>(
  subject: string,
  report: Report,
  step: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await step()
  } catch (error) {
    if (!(error instanceof StartRefused)) throw error
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
    report([await checkRotation(database), await checkAudit(database), await checkClock(database)])
  } finally {
    await database.close()
  }
}
