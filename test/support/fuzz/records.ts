// What is read back from disk, from another database or from a link: journal lines, the original's rows, manifests of
// backups, the cursors and moments of lists.
import { crc32 } from 'node:zlib'
import { auditQuerySchema } from '../../../contract/audit.ts'
import { requestsOfAllQuerySchema } from '../../../contract/requests.ts'
import { CommandFailed } from '../../../server/cli/command.ts'
import type { Original } from '../../../server/cli/import-original.ts'
import { planImport } from '../../../server/cli/import-plan.ts'
import { decodeLines, encodeLine } from '../../../server/features/usage/journal-lines.ts'
import { createKeyring } from '../../../server/vault/keyring.ts'
import { createVault } from '../../../server/vault/vault.ts'
import { FUZZ_SECRET } from './ciphertexts.ts'
import { type FuzzTarget, promise } from './target.ts'

const WHOLE = '{"kind":"intent","id":"01K00000000000000000000000"}'

function checkJournal(input: Buffer): void {
  const { lines } = decodeLines(input)
  for (const line of lines) {
    // Whatever is read as a line stands there with its own checksum.
    const mark = `${crc32(Buffer.from(line)).toString(16).padStart(8, '0')} `
    promise(input.includes(mark) || Buffer.from(line).includes('\uFFFD'), 'a line is read that is not there')
  }
  // A whole line behind any damage that ends is found again.
  const room = Buffer.alloc(256)
  const own = room.subarray(0, encodeLine(WHOLE, room, 0))
  const behind = decodeLines(Buffer.concat([input, Buffer.from('\n'), own])).lines
  promise(behind.at(-1) === WHOLE, 'a whole line behind damage is lost')
}

const keyring = createKeyring(FUZZ_SECRET, [])
const vault = createVault({
  keyring,
  fingerprintKey: Buffer.alloc(32, 1),
  chooseSealingKid: () => keyring.configuredKid,
  countWrap: () => 0,
})
const text = (value: unknown): string => (typeof value === 'string' ? value : String(value))
const textOrNull = (value: unknown): string | null => (value == null ? null : text(value))
const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null)

/** Rows as the driver hands them on, with columns of any content. */
function readOriginal(value: unknown): Original {
  const rowsOf = (name: 'users' | 'keys'): Record<string, unknown>[] => {
    const rows: unknown = (value as Record<string, unknown> | null)?.[name]
    return Array.isArray(rows) ? rows.filter((row) => typeof row === 'object' && row !== null) : []
  }
  return {
    users: rowsOf('users').map((row) => ({
      id: text(row['id']),
      email: text(row['email']),
      name: textOrNull(row['name']),
      role: textOrNull(row['role']),
      passwordHash: textOrNull(row['passwordHash']),
      isActive: row['isActive'] === true,
      createdAt: numberOrNull(row['createdAt']),
    })),
    keys: rowsOf('keys').map((row) => ({
      id: text(row['id']),
      userId: text(row['userId']),
      provider: text(row['provider']),
      sealed: text(row['sealed']),
      isActive: row['isActive'] === true,
      createdAt: numberOrNull(row['createdAt']),
      updatedAt: null,
    })),
  }
}

function checkImport(input: Buffer): void {
  let value: unknown
  try {
    value = JSON.parse(input.toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return
    throw error
  }
  const original = readOriginal(value)
  const here = { users: [{ id: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff', email: 'here@example.com' }], keys: [] }
  try {
    const plan = planImport(original, here, { secrets: [FUZZ_SECRET], vault, findKeyPrefix: () => '', now: 1 })
    promise(plan.users.length + plan.usersHere === original.users.length, 'a user is lost')
    const keys = plan.keys.length + plan.keysHere + plan.orphans
    promise(keys === original.keys.length, 'a key is lost')
    promise(new Set(plan.keys.map(({ id }) => id)).size === plan.keys.length, 'two keys get one id')
    promise(
      plan.users.every(({ role }) => role === 'admin' || role === 'user'),
      'a role is made up',
    )
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
  }
}

/** A query string; what passes can be asked of a database without a number that is none. */
function checkCursors(input: Buffer): void {
  const query = Object.fromEntries(new URLSearchParams(input.toString('utf8')))
  const requests = requestsOfAllQuerySchema.safeParse(query)
  if (requests.success) {
    const { cursor, from, to } = requests.data
    promise(
      cursor === undefined || Number.isSafeInteger(Number(cursor.split('.')[0])),
      'a cursor without a moment passes',
    )
    for (const moment of [from, to]) {
      promise(moment === undefined || Number.isFinite(Date.parse(moment)), `${moment} passes as a moment`)
    }
  }
  const audit = auditQuerySchema.safeParse(query)
  if (!audit.success) return
  promise(
    audit.data.cursor === undefined || Number.isSafeInteger(audit.data.cursor),
    'a cursor that is no number passes',
  )
  for (const moment of [audit.data.from, audit.data.to]) {
    promise(moment === undefined || Number.isFinite(Date.parse(moment)), `${moment} passes as a moment`)
  }
}

export const RECORD_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'journal',
    kind: 'bytes',
    words: ['\n', '\0\0\0\0', '00000000 000002 {}\n', '000000', ' ', 'ffffff'],
    check: checkJournal,
  },
  {
    name: 'import',
    kind: 'json',
    words: ['here@example.com', 'admin', 'AAAA', '$argon2id$v=19$m=19456,t=2,p=1$', '@'],
    check: checkImport,
  },
  {
    name: 'cursors',
    kind: 'bytes',
    words: ['cursor=', '&', '.', '999999999999999', 'from=', 'to=', '2026-02-30', 'T24:00:00Z', '+00:00', 'limit='],
    check: checkCursors,
  },
]
