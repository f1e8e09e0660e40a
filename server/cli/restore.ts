// `uniroute restore <file>`: a backup takes the place of the database, after it was checked and every key in it opened.
// What stood there before is moved aside, never deleted.
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openDatabase } from '../database/database.ts'
import { checkSchema } from '../database/migrator.ts'
import type { Keyring } from '../vault/keyring.ts'
import { computeSha256, type Manifest, readManifest } from './backup-file.ts'
import { type Command, CommandFailed, note, print } from './command.ts'
import {
  createGivenKeyring,
  DATABASE_FILE,
  demandStopped,
  noteInAudit,
  readConfig,
  readSecrets,
} from './installation.ts'
import { printTables } from './verify.ts'
import { verifyRecords } from './verify-records.ts'

export const restore: Command = {
  usage: '<file> [--accept-unreadable]',
  help: `Puts a backup that uniroute backup wrote into DATA_DIR. The server must be stopped. Before anything changes the
checksum is compared and every key opened with the secrets that are given. A database that is there already is
moved aside (uniroute.db.before-…).

Keys that were deleted since the backup are back afterwards; so are passwords and sessions of that time.

  --accept-unreadable   also where some values do not open`,
  options: { 'accept-unreadable': { type: 'boolean' } },
  words: [1, 1],
  async run({ options, words }) {
    const file = resolve(words[0]!)
    const config = readConfig()
    if (config.databaseUrl !== null) {
      throw new CommandFailed('This installation is on PostgreSQL: restore with pg_restore, then run uniroute verify.')
    }
    if (!existsSync(file)) throw new CommandFailed(`${file} is not there.`)
    const manifest = readManifest(file)
    demandStopped(config)
    const keyring = createGivenKeyring(readSecrets(config))
    refuseMissingKeys(manifest, keyring)
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
    const staged = join(config.dataDir, `${DATABASE_FILE}.restoring`)
    try {
      removeDatabase(staged)
      copyFileSync(file, staged)
      chmodSync(staged, 0o600)
      // The copy is what will be used, so the copy is what is checked.
      if ((await computeSha256(staged)) !== manifest.sha256) {
        throw new CommandFailed(
          `${file} is not as it was written: its SHA-256 differs from ${file}.json. Nothing was changed.`,
        )
      }
      await prepareStaged(staged, keyring, { manifest, acceptsUnreadable: options['accept-unreadable'] === true })
      giveAway(staged, config.dataDir)
      const aside = putInPlace(staged, join(config.dataDir, DATABASE_FILE))
      print(`Restored the state of ${manifest.created_at}.`)
      if (aside !== null) print(`What was there before is now ${aside}. Delete it when you are sure.`)
      note('Keys that were deleted since then are back: whoever deleted one should delete it again.')
      return 0
    } finally {
      removeDatabase(staged)
    }
  },
}

function refuseMissingKeys({ kids }: Manifest, keyring: Keyring): void {
  const missing = Object.keys(kids).filter((kid) => keyring.find(kid) === undefined)
  if (missing.length === 0) return
  const list = missing.map((kid) => `${kid} (${kids[kid]} values)`).join(', ')
  throw new CommandFailed(
    `The backup needs master keys that are not given: ${list}. Nothing was changed. Put them into PROVIDER_KEY_ENCRYPTION_KEYS_OLD.`,
  )
}

async function prepareStaged(
  staged: string,
  keyring: Keyring,
  { manifest, acceptsUnreadable }: { manifest: Manifest; acceptsUnreadable: boolean },
): Promise<void> {
  const database = await openDatabase({ file: staged, statementTimeoutMs: 600_000 })
  try {
    await checkSchema(database)
    const isWhole = printTables(await verifyRecords(database, keyring))
    if (!isWhole && !acceptsUnreadable) {
      throw new CommandFailed(
        'Not restored; nothing was changed. Give the missing secret (PROVIDER_KEY_ENCRYPTION_KEYS_OLD), or add --accept-unreadable.',
      )
    }
    const { created_at, sha256 } = manifest
    await noteInAudit(database, 'backup.restored', { created_at, sha256, whole: isWhole })
  } finally {
    await database.close()
  }
}

/** What root restores belongs to whom the folder does, as the server that will open it. */
function giveAway(file: string, folder: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(folder)
  chownSync(file, uid, gid)
}

/** Where the database before was moved to, or null if there was none. */
function putInPlace(staged: string, target: string): string | null {
  const aside = `${target}.before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
  const hadOne = existsSync(target)
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(target + suffix)) renameSync(target + suffix, aside + suffix)
  }
  renameSync(staged, target)
  return hadOne ? aside : null
}

function removeDatabase(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
}
