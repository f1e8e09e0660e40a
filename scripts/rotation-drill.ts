// `npm run drill:rotation -- --keys 100000 [--postgres] [--kills 10] [--rollback]`: changes the master key of a real
// server with that many stored keys, under load and through kill -9, and prints the figures.
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { createPostgresDatabase, dropPostgresDatabase } from '../test/support/databases.ts'
import { runRotationDrill } from '../test/support/rotation-drill.ts'

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '0' },
    postgres: { type: 'boolean', default: false },
    /** Everything back under the old key, and there again. */
    rollback: { type: 'boolean', default: false },
    /** Waits out leases and the minute before retirement. */
    patient: { type: 'boolean', default: false },
  },
})
const databaseUrl = values.postgres ? await createPostgresDatabase() : undefined
try {
  const figures = await runRotationDrill({
    keys: Number(values.keys),
    kills: Number(values.kills),
    patient: values.patient,
    rollback: values.rollback,
    say: (line) => console.info(line),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  })
  const { last, metrics: _metrics, failed, ...rest } = figures
  console.info(
    JSON.stringify(
      {
        database: values.postgres ? 'PostgreSQL' : 'SQLite',
        node: process.version,
        cores: cpus().length,
        ...rest,
        failed: failed.length,
        examples: failed.slice(0, 5),
        rotation: last.rotation,
      },
      null,
      2,
    ),
  )
  const { unreadable, progress, refusal, rolledBack, retired, kills } = figures
  const wrong = [
    ...(failed.length > 0 ? ['requests failed'] : []),
    ...(unreadable > 0 || last.rotation.failed > 0 ? ['keys did not open'] : []),
    ...(progress.wentBack + progress.inexact > 0 ? ['the progress told was not what the database held'] : []),
    ...(last.rotation.state !== 'done' ? [`it ended as ${last.rotation.state}`] : []),
    ...(kills !== Number(values.kills) ? ['there were fewer kills'] : []),
    ...(rolledBack !== null && (rolledBack.left > 0 || rolledBack.done < rolledBack.total) ? ['the way back'] : []),
    // While values depend on it, while memory may need it, and then.
    ...(retired.join() !== '409,409,202' ? [`retirement answered ${retired.join()}`] : []),
    ...(refusal.startsWith('served') ? ['it started without the secret that its keys need'] : []),
  ]
  console.info(wrong.length === 0 ? 'As promised.' : `Not as promised: ${wrong.join('; ')}.`)
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  if (databaseUrl !== undefined) await dropPostgresDatabase(databaseUrl)
}
