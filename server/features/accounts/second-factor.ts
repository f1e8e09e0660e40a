// A second proof at sign-in: a code of an authenticator app, or one of ten recovery codes.
// Invariants: it is asked for only after the password was right; no code works twice; whoever changes it proves the
// password first; nothing shows the secret or the recovery codes a second time.
import { randomBytes } from 'node:crypto'
import { GatewayError } from '../../kernel/errors.ts'
import type { AccountsContext } from './context.ts'
import { createFactorSecrets } from './factor-secret.ts'
import { createFactorStore } from './factor-store.ts'
import { createPasswordProof } from './prove-password.ts'
import { findStep, toBase32, TOTP_SECRET_BYTES, writeTotpUri } from './totp.ts'

const CODES = 10
const APP_CODE = /^\d{6}$/

export interface SecondFactor {
  describe(userId: string): Promise<{ confirmedAt: number | null; codesLeft: number }>
  /** A new secret for an app; it is asked for only after `confirm`. */
  begin(caller: Caller, password: string): Promise<{ secret: string; uri: string }>
  /** Gives the recovery codes, this once. */
  confirm(caller: Caller, code: string): Promise<string[]>
  replaceCodes(caller: Caller, password: string): Promise<string[]>
  remove(caller: Caller, password: string): Promise<void>
  /** By an administrator, or by the operator on the command line; false where there is none. */
  removeFor(userId: string, by: { actorId: string | null; ip: string | null }): Promise<boolean>
  /** At sign-in: throws `second_factor_required` or `invalid_second_factor`; nothing where the user has none. */
  check(userId: string, code: string | undefined): Promise<void>
}

interface Caller {
  readonly userId: string
  readonly ip: string
}

export function createSecondFactor(context: AccountsContext, key: Uint8Array): SecondFactor {
  const { database, clock, audit, throttle } = context
  const prove = createPasswordProof(context)
  const store = createFactorStore(database)
  const secrets = createFactorSecrets(key)

  const note = (
    action: string,
    userId: string,
    by: { actorId: string | null; ip: string | null },
    tx?: Parameters<typeof audit.record>[1],
  ): Promise<unknown> =>
    audit.record(
      {
        actorType: by.actorId === null ? 'system' : 'user',
        actorId: by.actorId,
        ip: by.ip,
        action,
        targetType: 'user',
        targetId: userId,
        details: {},
      },
      tx,
    )

  async function removeFor(userId: string, by: { actorId: string | null; ip: string | null }): Promise<boolean> {
    const removed = await database.transaction(async (tx) => {
      if (!(await store.remove(userId, tx))) return false
      await note('user.second-factor-removed', userId, by, tx)
      return true
    })
    if (removed) context.changed(userId)
    return removed
  }

  return {
    async describe(userId) {
      const factor = await store.find(userId)
      return { confirmedAt: factor?.confirmed_at ?? null, codesLeft: await store.countCodes(userId) }
    },

    async begin(caller, password) {
      const { userId } = caller
      const user = await prove(caller, password)
      const secret = randomBytes(TOTP_SECRET_BYTES)
      const row = {
        user_id: userId,
        secret: secrets.seal(secret, userId),
        confirmed_at: null,
        last_step: 0,
        created_at: clock.now(),
      }
      if (!(await database.transaction((tx) => store.begin(row, tx)))) throw new GatewayError('second_factor_exists')
      return { secret: toBase32(secret), uri: writeTotpUri(secret, { issuer: 'UniRoute', email: user.email }) }
    },

    async confirm({ userId, ip }, code) {
      // Guessing at the code of an app that is being set up is slowed down in the same way.
      throttle.countPasswordConfirmation(userId)
      const begun = await store.find(userId)
      if (begun?.confirmed_at !== null) throw new GatewayError('second_factor_exists')
      const secret = secrets.open(begun.secret, userId)
      const step = secret && findStep(secret, code, clock.now())
      if (step === null) throw new GatewayError('invalid_second_factor', { status: 403 })
      throttle.settlePasswordConfirmation(userId)
      const codes = makeCodes()
      await database.transaction(async (tx) => {
        if (!(await store.confirm({ userId, secret: begun.secret, step }, clock.now(), tx))) {
          throw new GatewayError('second_factor_exists')
        }
        await store.replaceCodes(userId, codes, tx)
        await note('user.second-factor-added', userId, { actorId: userId, ip }, tx)
      })
      context.changed(userId)
      return codes
    },

    async replaceCodes({ userId, ip }, password) {
      await prove({ userId, ip }, password)
      if (!(await store.find(userId))?.confirmed_at) throw noFactor()
      const codes = makeCodes()
      await database.transaction(async (tx) => {
        await store.replaceCodes(userId, codes, tx)
        await note('user.recovery-codes-made', userId, { actorId: userId, ip }, tx)
      })
      return codes
    },

    async remove({ userId, ip }, password) {
      await prove({ userId, ip }, password)
      if (!(await removeFor(userId, { actorId: userId, ip }))) throw noFactor()
    },

    removeFor,

    async check(userId, code) {
      const factor = await store.find(userId)
      if (!factor?.confirmed_at) return
      if (code === undefined) throw new GatewayError('second_factor_required')
      if (APP_CODE.test(code)) {
        const secret = secrets.open(factor.secret, userId)
        const step = secret && findStep(secret, code, clock.now())
        if (step !== null && (await store.takeStep(userId, step))) return
      } else if (await store.useCode(userId, code.toLowerCase().replace(/\s/g, ''), clock.now())) {
        await note('user.recovery-code-used', userId, { actorId: userId, ip: null })
        return
      }
      throw new GatewayError('invalid_second_factor')
    },
  }
}

function noFactor(): GatewayError {
  return new GatewayError('not_found', { message: 'This account has no second factor.' })
}

/**
 * In letters and digits that nobody mistakes for others: `k7m2pq-x4r3ta-…`, four groups. 120 bits each, since they are
 * kept as plain hashes: shorter ones could be found out from a stolen database.
 */
function makeCodes(): string[] {
  return Array.from({ length: CODES }, () => {
    const text = toBase32(randomBytes(15)).toLowerCase()
    return text.match(/.{6}/g)!.join('-')
  })
}
