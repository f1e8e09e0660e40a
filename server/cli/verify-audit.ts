// `uniroute verify-audit`: is the chain of the audit log whole?
import { createAudit } from '../features/audit/audit.ts'
import { systemClock } from '../kernel/clock.ts'
import { type Command, count, print } from './command.ts'
import { openInstallation } from './installation.ts'

export const verifyAudit: Command = {
  usage: '',
  help: `Each entry of the audit log holds a hash over itself and the one before it. This computes all of them again, and
names the first entry that was changed, removed or put in: exit code 1. Changes nothing; the server may run.
Entries cut off at the end leave a whole chain: compare number and hash with a checkpoint, which the server
logs each hour and when it stops ("audit checkpoint").`,
  words: [0, 0],
  async run() {
    const { database, close } = await openInstallation()
    try {
      const verdict = await createAudit({ database, clock: systemClock }).verify()
      if (verdict.ok) print(`${count(verdict.entries, 'entry', 'entries')}, unbroken. The last hash is ${verdict.head}`)
      else print(`Broken at entry ${verdict.sequence}: ${verdict.reason}`)
      return verdict.ok ? 0 : 1
    } finally {
      await close()
    }
  },
}
