// `uniroute backup <file>`: a copy of the database while everything runs. The copy is a snapshot of one moment, written
// by SQLite itself (VACUUM INTO): whole pages only, and nothing of what was deleted before.
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { readPackageVersion } from '../kernel/package-root.ts'
import { computeSha256, inspectBackup, type Manifest, manifestPathOf } from './backup-file.ts'
import { type Command, CommandFailed, count, print } from './command.ts'
import { DATABASE_FILE, noteInAudit, openInstallation } from './installation.ts'

export const backup: Command = {
  usage: '<file>',
  help: `Copies the database to <file>, which must not exist, and writes <file>.json beside it: the SHA-256 of the copy and
which master keys it needs. The server may run. Both files are readable by you alone.

Not in it, on purpose: the secrets (master.key, jwt.key, what the environment gives). Keep them elsewhere.
Also not in it: usage of the last moments that is still in DATA_DIR/journal.

With PostgreSQL use its own pg_dump.`,
  words: [1, 1],
  async run({ words }) {
    const file = resolve(words[0]!)
    const { config, database, close } = await openInstallation()
    try {
      refusePostgres(config)
      await makeBackup(config, database, file)
    } finally {
      await close()
    }
    return 0
  },
}

async function makeBackup(config: Config, database: Database, file: string): Promise<void> {
  for (const path of [file, manifestPathOf(file)]) {
    if (existsSync(path)) throw new CommandFailed(`${path} is there already. Choose another name.`)
  }
  const partial = `${file}.partial`
  rmSync(partial, { force: true })
  try {
    copyDatabase(join(config.dataDir, DATABASE_FILE), partial)
    const manifest: Manifest = {
      format: 'uniroute-backup-1',
      created_at: new Date().toISOString(),
      version: readPackageVersion(),
      bytes: statSync(partial).size,
      sha256: await computeSha256(partial),
      ...inspectBackup(partial),
    }
    writeFileSync(manifestPathOf(file), `${JSON.stringify(manifest, null, 2)}\n`, {
      flag: 'wx',
      mode: 0o600,
      flush: true,
    })
    renameSync(partial, file)
    await noteInAudit(database, 'backup.made', { sha256: manifest.sha256, bytes: manifest.bytes })
    printResult(file, manifest)
  } finally {
    rmSync(partial, { force: true })
  }
}

function refusePostgres({ databaseUrl }: Config): void {
  if (databaseUrl === null) return
  throw new CommandFailed(
    'This installation is on PostgreSQL: back it up with its own tool, pg_dump --format=custom --file=<file> "$DATABASE_URL", and restore with pg_restore. Then run uniroute verify.',
  )
}

function copyDatabase(from: string, to: string): void {
  // Made first, so that it is private from the beginning.
  closeSync(openSync(to, 'wx', 0o600))
  const database = new DatabaseSync(from, { timeout: 60_000 })
  try {
    database.exec('PRAGMA secure_delete = ON')
    database.prepare('VACUUM INTO ?').run(to)
  } finally {
    database.close()
  }
  const copy = openSync(to, 'r+')
  fsyncSync(copy)
  closeSync(copy)
}

function printResult(file: string, { bytes, sha256, kids }: Manifest): void {
  print(`${file}: ${bytes} bytes, SHA-256 ${sha256}`)
  for (const [kid, number] of Object.entries(kids)) print(`It needs master key ${kid}: ${count(number, 'value')}.`)
  print(`Keep ${basename(manifestPathOf(file))} beside it, and the secrets elsewhere.`)
}
