// A backup: one SQLite file and beside it, as `<file>.json`, what belongs to it: its SHA-256 and the master keys it
// needs, by their public names. Never a secret.
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { SEALED_TABLES } from '../features/admin/vault-registry.ts'
import { CommandFailed } from './command.ts'

const manifestSchema = z.object({
  format: z.literal('uniroute-backup-1'),
  created_at: z.iso.datetime(),
  version: z.string(),
  schema: z.string(),
  bytes: z.int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** How many values are sealed under each master key. */
  kids: z.record(z.string(), z.int()),
})
export type Manifest = z.infer<typeof manifestSchema>

export const manifestPathOf = (file: string): string => `${file}.json`

export function readManifest(file: string): Manifest {
  let text: string
  try {
    text = readFileSync(manifestPathOf(file), 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new CommandFailed(
      `${manifestPathOf(file)} cannot be read (${code}). It was written together with the backup; put it beside it.`,
    )
  }
  try {
    return manifestSchema.parse(JSON.parse(text))
  } catch {
    // What is wrong with it in detail helps nobody: it was not written by this program.
    throw new CommandFailed(`${manifestPathOf(file)} is not what uniroute backup writes.`)
  }
}

export async function computeSha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** The last migration of a database file, and what depends on each master key in it. */
export function inspectBackup(file: string): { schema: string; kids: Record<string, number> } {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const last = database.prepare('SELECT max(name) AS name FROM schema_migrations').get()
    const kids: Record<string, number> = {}
    for (const { table } of SEALED_TABLES) {
      const rows = database.prepare(`SELECT kid, count(*) AS rows FROM ${table} WHERE kid <> '' GROUP BY kid`).all()
      for (const { kid, rows: number } of rows) kids[String(kid)] = (kids[String(kid)] ?? 0) + Number(number)
    }
    return { schema: String(last?.['name'] ?? ''), kids }
  } finally {
    database.close()
  }
}
