// `uniroute verify`: does everything that is sealed open with the secrets that are given?
import { type Command, count, print } from './command.ts'
import { createGivenKeyring, openInstallation } from './installation.ts'
import { verifyRecords, type VerifiedTable } from './verify-records.ts'

export const verify: Command = {
  usage: '',
  help: `Opens every sealed value once and prints how many opened, and the id of each that did not and why:
  kek_unknown         the secret that sealed it is not given
  ciphertext_corrupt  it is damaged, or belongs to another row
No value is shown. Changes nothing; the server may run. Exit code 1 if a value does not open.`,
  words: [0, 0],
  async run() {
    const installation = await openInstallation()
    try {
      const tables = await verifyRecords(installation.database, createGivenKeyring(installation.readSecrets()))
      return printTables(tables) ? 0 : 1
    } finally {
      await installation.close()
    }
  },
}

/** True if everything opened. */
export function printTables(tables: readonly VerifiedTable[]): boolean {
  for (const { table, opened, empty, failures } of tables) {
    const left = empty === 0 ? '' : `, ${empty} taken over without a readable key`
    print(`${table}: ${opened} opened, ${failures.length} did not${left}`)
    for (const { recordId, reason } of failures) print(`  ${recordId} ${reason}`)
  }
  const failed = tables.reduce((sum, { failures }) => sum + failures.length, 0)
  if (failed > 0) print(`${count(failed, 'value does', 'values do')} not open.`)
  return failed === 0
}
