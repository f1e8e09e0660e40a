// What administrators decide about signing in, kept in the database: of whom a second factor is demanded. The rule is
// read together with each session (session-store.ts), so it holds for those who are signed in already.
import type { SecondFactorRule } from '../../../contract/sign-in-rules.ts'
import type { AccountsContext } from './context.ts'
import { parseRule, REQUIRE_SECOND_FACTOR } from './second-factor-rule.ts'

export interface SignInRules {
  read(): Promise<SecondFactorRule>
  set(rule: SecondFactorRule, by: { actorId: string; ip: string }): Promise<void>
}

/** `changedForAll`: drops what is held of every session, here and elsewhere. */
export function createSignInRules(context: AccountsContext, changedForAll: () => void): SignInRules {
  const { database, clock, audit } = context

  async function read(query = database.query): Promise<SecondFactorRule> {
    const named = query.selectFrom('settings').select('value').where('name', '=', REQUIRE_SECOND_FACTOR)
    return parseRule((await named.executeTakeFirst())?.value)
  }

  return {
    read: () => read(),
    async set(rule, { actorId, ip }) {
      const row = { value: rule, updated_at: clock.now(), updated_by: actorId }
      await database.transaction(async (tx) => {
        const before = await read(tx)
        await tx
          .insertInto('settings')
          .values({ name: REQUIRE_SECOND_FACTOR, ...row })
          .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
          .execute()
        await audit.record(
          {
            actorType: 'user',
            actorId,
            ip,
            action: 'sign-in-rules.changed',
            targetType: 'setting',
            targetId: REQUIRE_SECOND_FACTOR,
            details: { changes: { [REQUIRE_SECOND_FACTOR]: { from: before, to: rule } } },
          },
          tx,
        )
      })
      changedForAll()
    },
  }
}
