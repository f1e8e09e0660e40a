// `uniroute reset-password <email>`: the way back in for somebody who lost a password, the only administrator too.
import { randomBytes } from 'node:crypto'
import { createAccounts } from '../features/accounts/accounts.ts'
import { createAudit } from '../features/audit/audit.ts'
import { systemClock } from '../kernel/clock.ts'
import { type Command, CommandFailed, print, readStandardInput } from './command.ts'
import { openInstallation } from './installation.ts'

export const resetPassword: Command = {
  usage: '<email> [--stdin] [--no-second-factor]',
  help: `Prints a link with which the account chooses a new password. It works once, for 24 hours, and ends any earlier one.
The link needs the server; its address comes from PUBLIC_URL, else from HOST and PORT.

  --stdin   reads the new password from standard input instead, and ends every session of the account:
            uniroute reset-password you@example.com --stdin < file
  --no-second-factor   takes the second factor away too, for somebody who lost it and the recovery codes`,
  options: { stdin: { type: 'boolean' }, 'no-second-factor': { type: 'boolean' } },
  words: [1, 1],
  async run({ options, words }) {
    const email = words[0]!
    const password = options['stdin'] === true ? (await readStandardInput()).replace(/\r?\n$/, '') : null
    const { config, database, log, close } = await openInstallation()
    try {
      const host = config.host === '127.0.0.1' || config.host === '0.0.0.0' ? 'localhost' : config.host
      const accounts = createAccounts({
        database,
        clock: systemClock,
        audit: createAudit({ database, clock: systemClock }),
        log,
        // No session begins here.
        key: randomBytes(32),
        settings: {
          registration: config.registration,
          passwordMinLength: config.passwordMinLength,
          passwordContextWords: config.passwordContextWords,
          environmentAdmin: config.admin !== null,
          publicUrl: () => config.publicUrl ?? `http://${host}:${config.port}`,
        },
      })
      if (options['no-second-factor'] === true) await accounts.removeSecondFactorByEmail(email)
      if (password !== null) {
        if (!(await accounts.setPasswordByEmail(email, password))) throw noAccount(email)
        print('The password is set; every session of this account is over.')
        return 0
      }
      const link = await accounts.makeResetLinkByEmail(email)
      if (link === null) throw noAccount(email)
      print(link.url)
      return 0
    } finally {
      await close()
    }
  },
}

function noAccount(email: string): CommandFailed {
  return new CommandFailed(`There is no account with the address ${email}.`)
}
