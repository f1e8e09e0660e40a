// Signing in with a provider (OpenID Connect): whose account a person of the provider opens.
// Invariants: an answer counts in the browser that asked, once; an account is found by the provider's id of the person,
// never by what a person can change there; an address that the provider did not verify opens and makes nothing; an
// account that a password opens is linked only by whoever is signed in to it; who may sign up is the rule of
// registration; the last administrator stays one; a sign-in here is as recent as the one at the provider, which may lie
// days back, and where the provider does not say when that was, it is not recent.
import type { Transaction } from 'kysely'
import type { OidcFailure } from '../../../contract/oidc.ts'
import { isUniqueViolation } from '../../database/errors.ts'
import type { Schema } from '../../database/schema.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import type { AccountsContext, Origin } from './context.ts'
import { createIdentityStore } from './identity-store.ts'
import { insertUser } from './new-user.ts'
import { type Attempt, ATTEMPT_LIFETIME_MS, type Proof } from './oidc-attempt.ts'
import type { OidcProvider, ProviderPerson } from './oidc-provider.ts'
import type { Sessions, SignedIn } from './sessions.ts'
import type { UserRow } from './user-store.ts'

export type OidcResult =
  | { readonly signedIn: SignedIn }
  | { readonly linked: true }
  | { readonly proved: true }
  | { readonly failed: OidcFailure }

/** What somebody wants at the provider; `linkTo` and `prove` are of a user who is signed in. */
export interface OidcWish {
  readonly next: string
  readonly ip: string
  /** Whose account the identity is to be linked to. */
  readonly linkTo?: string
  /** Whose session is to count as recent again. */
  readonly prove?: Pick<Proof, 'userId' | 'sessionId'>
}

/** How far the provider's clock may be behind. */
const CLOCK_LEEWAY_MS = 60_000

export interface Oidc {
  readonly name: string
  begin(wish: OidcWish): Promise<{ url: string; attempt: Attempt }>
  /** `query`: as the provider sent the browser back with it. Never throws for what the provider or the person did. */
  finish(query: string, attempt: Attempt | null, origin: Origin): Promise<OidcResult>
}

class Refused extends Error {
  readonly why: OidcFailure
  constructor(why: OidcFailure) {
    super(`sign-in by a provider: ${why}`)
    this.why = why
  }
}

// size: the steps of one sign-in, which share the rooms they ask.
export function createOidc(
  context: AccountsContext,
  options: { provider: OidcProvider; name: string; sessions: Sessions; log: Log },
): Oidc {
  const { database, clock, audit, settings, users, throttle } = context
  const { provider, log } = options
  const identities = createIdentityStore(database)
  const redirectUri = (): string => `${settings.publicUrl().replace(/\/+$/, '')}/auth/oidc/callback`

  function note(action: string, user: { id: string }, ip: string, details: object): Parameters<typeof audit.record>[0] {
    return { actorType: 'user', actorId: user.id, ip, action, targetType: 'user', targetId: user.id, details }
  }

  async function ask(query: string, attempt: Attempt): Promise<ProviderPerson> {
    const now = clock.now()
    if (!(await identities.useState(attempt.state, now, now + ATTEMPT_LIFETIME_MS))) throw new Refused('expired')
    try {
      return await provider.finish(new URL(`${redirectUri()}?${query}`), attempt)
    } catch (error) {
      // What the library says names claims and endpoints; of tokens nothing.
      const { name, code } = error as { name?: string; code?: string }
      log.warn({ error: name, code }, 'a sign-in by the provider was refused')
      throw new Refused(error instanceof TypeError && code === undefined ? 'unavailable' : 'refused')
    }
  }

  /** An account that nothing opens yet, and that nobody else makes theirs before the transaction is over. */
  async function lockUnopened(id: string, tx: Transaction<Schema>): Promise<UserRow> {
    const user = await users.lock(id, tx)
    if (!user) throw new Refused('expired')
    // Whoever registered this address with a password may be somebody else: they prove it by being signed in.
    if (user.password_hash !== null) throw new Refused('linkable')
    // Addresses are given to others: an account that somebody there opens is that person's, whoever has the address
    // now.
    if (await identities.opens(id, tx)) throw new Refused('refused')
    return user
  }

  /** The account of a person whom no identity leads to yet. */
  async function adopt(person: ProviderPerson, ip: string): Promise<UserRow> {
    const { email, issuer, subject } = person
    if (email === null || !person.emailVerified) throw new Refused('unverified')
    const existing = await users.findByEmail(email)
    if (!existing && settings.registration !== 'open') throw new Refused('closed')
    return database.transaction(async (tx) => {
      const fresh = { email, name: person.name ?? undefined, role: 'user', passwordHash: null } as const
      const user = existing ? await lockUnopened(existing.id, tx) : await insertUser(context, fresh, tx)
      await identities.link({ issuer, subject }, user.id, clock.now(), tx)
      await audit.record(note(existing ? 'identity.linked' : 'user.registered', user, ip, { issuer }), tx)
      return user
    })
  }

  async function followRole(user: UserRow, isAdmin: boolean | null, ip: string): Promise<UserRow> {
    const role = isAdmin === null ? user.role : isAdmin ? 'admin' : 'user'
    if (role === user.role) return user
    const changed = await database.transaction(async (tx) => {
      const admins = await users.lockActiveAdmins(tx)
      if (role === 'user' && admins.length === 1 && admins[0] === user.id) return false
      await users.update(user.id, { role }, clock.now(), tx)
      const changes = { role: { from: user.role, to: role } }
      await audit.record(
        { ...note('user.changed', user, ip, { changes, by: 'sign-in provider' }), actorType: 'system', actorId: null },
        tx,
      )
      return true
    })
    if (!changed) return user
    context.changed(user.id)
    return { ...user, role }
  }

  async function signIn(person: ProviderPerson, origin: Origin): Promise<SignedIn> {
    const known = await identities.findUserId(person)
    const found = known === undefined ? await adopt(person, origin.ip) : await users.findById(known)
    if (!found?.is_active) throw new Refused('switched-off')
    const user = await followRole(found, person.isAdmin, origin.ip)
    const begun = await database.transaction(async (tx) => {
      if (!(await users.markSignedIn(user.id, user.auth_gen, clock.now(), tx))) throw new Refused('switched-off')
      const proof = { method: 'oidc', authenticatedAt: person.authenticatedAt } as const
      const session = await options.sessions.begin(user, origin, tx, proof)
      await identities.touch(person, clock.now(), tx)
      const entry = note('session.begun', user, origin.ip, { method: 'oidc', issuer: person.issuer })
      await audit.record({ ...entry, targetType: 'session', targetId: session.id }, tx)
      return session
    })
    return options.sessions.issue({ ...user, last_login_at: clock.now() }, begun)
  }

  async function link(person: ProviderPerson, userId: string, ip: string): Promise<void> {
    const user = await users.findById(userId)
    if (!user?.is_active) throw new Refused('switched-off')
    const owner = await identities.findUserId(person)
    if (owner === userId) return
    if (owner !== undefined) throw new Refused('taken')
    await database.transaction(async (tx) => {
      await identities.link(person, userId, clock.now(), tx)
      await audit.record(note('identity.linked', user, ip, { issuer: person.issuer }), tx)
    })
  }

  async function prove(person: ProviderPerson, { userId, sessionId, since }: Proof, ip: string): Promise<void> {
    if ((await identities.findUserId(person)) !== userId) throw new Refused('another')
    const at = Math.min(person.authenticatedAt ?? 0, clock.now())
    if (at < since - CLOCK_LEEWAY_MS) throw new Refused('stale')
    await database.transaction(async (tx) => {
      if (!(await context.sessions.markAuthenticated(sessionId, at, tx))) throw new Refused('expired')
      await identities.touch(person, clock.now(), tx)
      const entry = note('session.proved', { id: userId }, ip, { method: 'oidc', issuer: person.issuer })
      await audit.record({ ...entry, targetType: 'session', targetId: sessionId }, tx)
    })
    context.changed(sessionId)
  }

  return {
    name: options.name,
    async begin({ next, ip, linkTo = null, prove: whom }) {
      throttle.countProviderSignIn(ip)
      const { url, ...secrets } = await provider.begin({ redirectUri: redirectUri(), again: whom !== undefined })
      const proof = whom ? { ...whom, since: clock.now() } : null
      return { url, attempt: { ...secrets, next, linkTo, proof } }
    },
    async finish(query, attempt, origin) {
      try {
        throttle.countProviderSignIn(origin.ip)
        if (attempt === null) throw new Refused('expired')
        const person = await ask(query, attempt)
        if (attempt.proof) {
          await prove(person, attempt.proof, origin.ip)
          return { proved: true }
        }
        if (attempt.linkTo === null) return { signedIn: await signIn(person, origin) }
        await link(person, attempt.linkTo, origin.ip)
        return { linked: true }
      } catch (error) {
        if (error instanceof Refused) return { failed: error.why }
        // Two of the same person at the same moment: the other one won.
        if (isUniqueViolation(error) || (error instanceof GatewayError && error.code === 'email_taken')) {
          return { failed: 'expired' }
        }
        throw error
      }
    },
  }
}
