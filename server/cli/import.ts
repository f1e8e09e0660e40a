// `uniroute import`: users and stored keys of the original become accounts and keys here, all of them or none.
import type { Database } from '../database/database.ts'
import { createAudit } from '../features/audit/audit.ts'
import { systemClock } from '../kernel/clock.ts'
import type { Secret } from '../kernel/secret.ts'
import { createProviders } from '../providers/registry.ts'
import { type Command, CommandFailed, count, note, print, UsageError } from './command.ts'
import { type Original, readOriginal } from './import-original.ts'
import { type Here, type ImportPlan, planImport } from './import-plan.ts'
import { bootOwnVault, type Installation, openInstallation } from './installation.ts'

export const importOriginal: Command = {
  usage: '--from <postgres URL> [--accept-unreadable]',
  help: `Copies users and stored provider keys from the database of the original, which is only read, into this
installation, which may already hold some. Everything is taken over, or nothing. May be called again: what is here
already is left as it is.

The keys are opened with the secrets given here: PROVIDER_KEY_ENCRYPTION_KEY, then each of
PROVIDER_KEY_ENCRYPTION_KEYS_OLD, then JWT_SECRET, which stood in for it in the original. Put the original's secret
into PROVIDER_KEY_ENCRYPTION_KEYS_OLD.

Passwords are taken over where they are argon2id hashes; everybody else needs a link from uniroute reset-password.

  --accept-unreadable   takes over keys that do not open as unreadable, for good: their owners enter them again

A password in the URL can be seen by others on this machine while the command runs; PGPASSWORD is read as well.`,
  options: { from: { type: 'string' }, 'accept-unreadable': { type: 'boolean' } },
  words: [0, 0],
  async run({ options }) {
    const from = options['from']
    if (typeof from !== 'string') throw new UsageError('Say where from: uniroute import --from postgres://…')
    const installation = await openInstallation({ fresh: true })
    try {
      const original = await readOriginal(from)
      const plan = await carryOut(installation, original, options['accept-unreadable'] === true)
      printResult(plan)
      return 0
    } finally {
      await installation.close()
    }
  },
}

async function carryOut(
  installation: Installation,
  original: Original,
  acceptUnreadable: boolean,
): Promise<ImportPlan> {
  const { config, database } = installation
  const secrets = listSecrets(installation)
  const booted = await bootOwnVault(installation)
  try {
    const providers = createProviders({
      endpoints: config.providerEndpoints,
      custom: config.configuredProviders,
      serverKeys: {},
      userBaseUrls: config.userBaseUrls,
    })
    const plan = planImport(original, await readHere(database), {
      secrets,
      vault: booted.vault,
      findKeyPrefix: (provider, key) => providers.findKeyPrefix(provider, key),
      now: systemClock.now(),
    })
    if (plan.unreadable.length > 0 && !acceptUnreadable) {
      throw new CommandFailed(
        `${plan.unreadable.length} of ${count(original.keys.length, 'stored key')} open under none of the given secrets; nothing was changed. ` +
          'Put the original’s secret (its JWT_SECRET, where it had no other) into PROVIDER_KEY_ENCRYPTION_KEYS_OLD, or add --accept-unreadable.',
      )
    }
    await write(database, plan)
    return plan
  } finally {
    await booted.stop()
  }
}

/** Every secret that may have sealed a key of the original. */
function listSecrets({ readSecrets }: Installation): Secret[] {
  const { current, old, jwt } = readSecrets()
  return [...(current ? [current.value] : []), ...old, ...(jwt ? [jwt.value] : [])]
}

async function readHere({ query }: Database): Promise<Here> {
  return {
    users: await query.selectFrom('users').select(['id', 'email']).execute(),
    keys: await query.selectFrom('user_provider_keys').select(['id', 'user_id', 'provider', 'fingerprint']).execute(),
  }
}

const ROWS_AT_ONCE = 200

/** All or nothing: whatever came in between the look and now ends it with a violated constraint. */
async function write(database: Database, plan: ImportPlan): Promise<void> {
  const audit = createAudit({ database, clock: systemClock })
  await database.transaction(
    async (tx) => {
      for (let at = 0; at < plan.users.length; at += ROWS_AT_ONCE) {
        await tx
          .insertInto('users')
          .values(plan.users.slice(at, at + ROWS_AT_ONCE))
          .execute()
      }
      for (let at = 0; at < plan.keys.length; at += ROWS_AT_ONCE) {
        await tx
          .insertInto('user_provider_keys')
          .values(plan.keys.slice(at, at + ROWS_AT_ONCE))
          .execute()
      }
      await audit.record(
        {
          actorType: 'system',
          actorId: null,
          ip: null,
          action: 'original.imported',
          targetType: null,
          targetId: null,
          details: { users: plan.users.length, keys: plan.keys.length, unreadable: plan.unreadable.length },
        },
        tx,
      )
    },
    { limitMs: 600_000 },
  )
}

function printResult({ users, keys, needLink, usersHere, keysHere, unreadable, orphans }: ImportPlan): void {
  print(`${count(users.length, 'user')} and ${count(keys.length - unreadable.length, 'key')} taken over.`)
  if (unreadable.length > 0) print(`${count(unreadable.length, 'key')} taken over unreadable: ${unreadable.join(', ')}`)
  if (usersHere > 0) print(`${count(usersHere, 'user')} had an account here; it was not changed.`)
  if (keysHere > 0) print(`${count(keysHere, 'key was', 'keys were')} here already.`)
  if (orphans > 0) print(`${count(orphans, 'key belongs', 'keys belong')} to no user of the original and stayed there.`)
  if (needLink.length > 0) {
    print(
      `${count(needLink.length, 'account needs', 'accounts need')} a new password, by uniroute reset-password <address>:`,
    )
    for (const email of needLink) print(`  ${email}`)
  }
  note('When all is well, rotate: what sealed the original’s keys should not seal anything here. docs/rotation.md')
}
