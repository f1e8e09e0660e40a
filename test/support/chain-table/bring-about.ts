// Brings a case of the table about for real: users, their policies, keys in each state, made through the API itself;
// only what no API does, the damage of what is stored, is done in the database.
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import type { FakeProvider, RecordedRequest } from '../../fake-provider/fake-provider.ts'
import type { InProcessApp } from '../in-process-app.ts'
import type { Json, Reply, User } from '../uniroute-client.ts'
import type { Given } from './expected.ts'
import type { KeyState } from './key-states.ts'
import type { Lane } from './lanes.ts'

export interface TableCase {
  readonly name: string
  readonly lane: Lane
  readonly streamed: boolean
  readonly given: Given
  readonly model: string
  /** Asks twice: the second request meets what the first one taught. */
  readonly twice: boolean
}

/** Which of the fake's calls belong to which question, by a word in it. */
export interface CallLog {
  readonly note: (request: RecordedRequest) => undefined
  keysOf(marker: string): string[]
}

export function createCallLog(): CallLog {
  const byMarker = new Map<string, string[]>()
  return {
    note({ rawBody, key }) {
      const marker = /case-\d+-[a-z]+/.exec(rawBody.toString('latin1'))?.[0]
      if (marker !== undefined) byMarker.set(marker, [...(byMarker.get(marker) ?? []), key])
      return undefined
    },
    keysOf: (marker) => byMarker.get(marker) ?? [],
  }
}

/** A user whose keys come and go, case by case; and one who shares keys with them. */
export interface Actor {
  readonly user: User
  readonly lender: { readonly user: User; readonly teamId: string } | null
  accountPolicy: string
  /** By policy, as JSON. */
  readonly apiKeys: Map<string, string>
}

export interface Stage {
  readonly app: InProcessApp
  readonly fake: FakeProvider
  readonly calls: CallLog
  readonly serverKeys: Readonly<Record<string, string>>
  /** Is the provider there to be called at all? Without, calls are seen in receipts only. */
  readonly reachable: boolean
  readonly later: (() => Promise<string[]>)[]
}

export interface Brought {
  readonly ids: readonly string[]
  readonly secrets: readonly string[]
  readonly sharedId: string | null
  readonly sharedSecret: string | null
}

async function manage(stage: Stage, who: User, method: string, path: string, body?: object): Promise<Json> {
  const reply = await stage.app.call(method, path, { token: who.token, ...(body && { body }) })
  if (reply.status >= 300) throw new Error(`${method} ${path} answered ${reply.status}: ${reply.text.slice(0, 300)}`)
  return reply.body
}

/** Sets the account's policy, and hands out an API key that has the other. */
export async function takePolicies(stage: Stage, actor: Actor, { account, apiKey }: Given): Promise<string> {
  const wanted = JSON.stringify(account)
  if (actor.accountPolicy !== wanted) {
    await manage(stage, actor.user, 'PUT', '/auth/profile', { fallback: account })
    actor.accountPolicy = wanted
  }
  const policy = JSON.stringify(apiKey)
  const known = actor.apiKeys.get(policy)
  if (known !== undefined) return known
  const { key } = await stage.app.createApiKey(actor.user.token, { fallback: apiKey })
  actor.apiKeys.set(policy, key)
  return key
}

export async function bringAbout(
  stage: Stage,
  actor: Actor,
  one: TableCase,
  number: number,
  apiKey: string,
): Promise<Brought> {
  const { own, shared } = one.given
  const ids: string[] = []
  const secrets: string[] = []
  for (const [place, { state, policy }] of own.entries()) {
    const label = `case ${number}, key ${place}`
    const made = await makeKey(stage, actor.user, one, state, { fallback: policy, label })
    ids.push(made.id)
    secrets.push(made.secret)
  }
  let lent: { id: string; secret: string } | null = null
  if (shared) {
    const { user, teamId } = actor.lender!
    const { is_active, expires_at, ...terms } = (shared.settings?.(one.model) ?? {}) as Json
    const settings = () => JSON.parse(JSON.stringify({ is_active, expires_at }))
    lent = await makeKey(stage, user, one, { ...shared, settings }, { label: `lent ${number}` })
    // A cap and a list of models are of the lease, which is what borrowers meet.
    await manage(stage, user, 'POST', '/admin/leases', { provider_key: lent.id, team_id: teamId, ...terms })
  }
  for (const [place, { state }] of own.entries()) {
    if (state.leftAlone) {
      stage.fake.behave(secrets[place]!, (call) => (call <= FAILURES_THAT_OPEN ? 'down500' : state.scenario))
      await failOften(stage, one, apiKey, { 'x-uniroute-key': ids[place]!, 'x-uniroute-fallback': 'never' })
    }
    if (!state.workedBefore) continue
    stage.fake.behave(secrets[place]!, (call) => (call === 1 ? undefined : state.scenario))
    const reply = await send(stage, one, apiKey, 'warming up', { 'x-uniroute-key': ids[place]! })
    if (reply.status !== 200) throw new Error(`${one.name}: the key did not work at first: ${reply.text}`)
  }
  return { ids, secrets, sharedId: lent?.id ?? null, sharedSecret: lent?.secret ?? null }
}

/** A breaker looks at no fewer. */
const FAILURES_THAT_OPEN = 20

/** Until the provider is left alone, for this model and on this side. */
export async function failOften(
  stage: Stage,
  one: TableCase,
  apiKey: string,
  headers: Record<string, string> = {},
): Promise<void> {
  for (let call = 0; call < FAILURES_THAT_OPEN; call++) await send(stage, one, apiKey, 'warming up', headers)
}

/** Told that the client itself repeats, UniRoute does not: each call is there for a reason of its own. */
export const CLIENT_REPEATS = { 'x-stainless-retry-count': '1' } as const

async function makeKey(
  stage: Stage,
  owner: User,
  { lane, model }: TableCase,
  state: KeyState,
  fields: object,
): Promise<{ id: string; secret: string }> {
  const secret = createFakeKey(lane.vendor, state.workedBefore ? 'ok' : state.scenario)
  const { id } = await stage.app.addProviderKey(owner.token, lane.vendor, secret, fields)
  const settings = state.settings?.(model) ?? {}
  if (Object.keys(settings).length > 0) await manage(stage, owner, 'PATCH', `/admin/provider-keys/${id}`, settings)
  if (state.damaged) await damage(stage, id)
  if (state.longInvalid) await makeLongInvalid(stage, id)
  return { id, secret }
}

/** As if it had been rejected a day and an hour ago, and the next look at it were an hour off. */
async function makeLongInvalid({ app }: Stage, publicId: string): Promise<void> {
  const [now, hour] = [Date.now(), 3_600_000]
  await app.database.query
    .updateTable('user_provider_keys')
    .set({ status: 'invalid', status_at: now - 25 * hour, probe_at: now + hour, probe_after_ms: 24 * hour })
    .where('id', '=', publicId.replace(/^pk_/, ''))
    .execute()
}

/** One character of the stored form is another. */
async function damage({ app }: Stage, publicId: string): Promise<void> {
  const id = publicId.replace(/^pk_/, '')
  const table = app.database.query
  const found = await table
    .selectFrom('user_provider_keys')
    .select('api_key_encrypted')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const text = found.api_key_encrypted
  const at = text.length - 10
  const api_key_encrypted = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
  await table.updateTable('user_provider_keys').set({ api_key_encrypted }).where('id', '=', id).execute()
}

export async function clearAway(stage: Stage, actor: Actor, { ids, sharedId }: Brought): Promise<void> {
  for (const id of ids) await manage(stage, actor.user, 'DELETE', `/admin/provider-keys/${id}`)
  if (sharedId !== null) await manage(stage, actor.lender!.user, 'DELETE', `/admin/provider-keys/${sharedId}`)
}

export function send(
  { app }: Stage,
  { lane, model, streamed }: TableCase,
  apiKey: string,
  text: string,
  headers: Record<string, string>,
): Promise<Reply> {
  return app.call('POST', lane.path(model, streamed), {
    headers: { ...lane.auth(apiKey), ...CLIENT_REPEATS, ...headers },
    body: lane.body(text, model, streamed),
  })
}
