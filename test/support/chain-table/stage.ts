// Plays a case of the table: asks for an explanation, then for the thing itself, and holds both against what was to
// come: the answer, its headers, the calls the provider saw, and afterwards the receipt.
import type { Json, Reply } from '../uniroute-client.ts'
import {
  bringAbout,
  clearAway,
  CLIENT_REPEATS,
  send,
  takePolicies,
  type Actor,
  type Brought,
  type Stage,
  type TableCase,
} from './bring-about.ts'
import { expectOutcome, MOST_CALLS, type Expected, type Given, type KeyName, type Policy } from './expected.ts'
import type { KeyState } from './key-states.ts'
import { checkEnvelope, refusalIn } from './lanes.ts'

let cases = 0

/** Everything that was not as the table says, as sentences; receipts are looked at later. */
export async function runCase(stage: Stage, actor: Actor, one: TableCase): Promise<string[]> {
  const number = ++cases
  const wrong: string[] = []
  const apiKey = await takePolicies(stage, actor, one.given)
  const brought = await bringAbout(stage, actor, one, number, apiKey)
  const context = { stage, one, apiKey, brought }
  wrong.push(...(await askOnce({ ...context, given: one.given, marker: `case-${number}-first`, supposing: true })))
  if (one.twice) {
    const given = remembered(one.given)
    wrong.push(...(await askOnce({ ...context, given, marker: `case-${number}-second`, supposing: false })))
  }
  await clearAway(stage, actor, brought)
  return wrong.map((sentence) => `${one.name}: ${sentence}`)
}

/** What the first request taught, the second does not ask again. */
function remembered(given: Given): Given {
  const known = (state: KeyState): KeyState => (state.remembered ? { ...state, called: false } : state)
  return {
    ...given,
    own: given.own.map(({ state, policy }) => ({ state: known(state), policy })),
    shared: given.shared && known(given.shared),
  }
}

// ---- Asking --------------------------------------------------------------------------------------------------------

interface Question {
  readonly stage: Stage
  readonly one: TableCase
  readonly apiKey: string
  readonly brought: Brought
  readonly given: Given
  readonly marker: string
  /** What the provider has yet to say is supposed in the explanation. */
  readonly supposing: boolean
}

function headersOf(header: Policy): Record<string, string> {
  if (header === 'allow') return {}
  return { 'x-uniroute-fallback': header === 'never' ? 'never' : header.join(', ') }
}

async function askOnce(question: Question): Promise<string[]> {
  const { stage, one, apiKey, given, marker } = question
  const expected = expectOutcome(given)
  const headers = headersOf(given.header)
  const before = await explain(question, headers)
  const reply = await send(stage, one, apiKey, marker, headers)
  const wrong = [...checkAnswer(question, expected, reply), ...checkCalls(question, expected)]
  if (before.status === 200)
    wrong.push(
      ...checkExplained(question, expected, before.body.result),
      ...checkChain(question, expected, before.body),
    )
  else wrong.push(`the explanation is refused: ${before.text}`)
  stage.later.push(async () =>
    (await checkRecords(question, expected, reply, before.body?.result)).map((text) => `${one.name}: ${text}`),
  )
  return wrong
}

function explain(question: Question, headers: Record<string, string>): Promise<Reply> {
  const { stage, one, apiKey, brought, given, marker, supposing } = question
  const simulate: Record<string, string> = {}
  const suppose = (name: string | null, state: KeyState | null): void => {
    if (name !== null && state?.simulate && (supposing || !state.remembered)) simulate[name] = state.simulate
  }
  given.own.forEach(({ state }, place) => suppose(brought.ids[place]!, state))
  suppose(brought.sharedId, given.shared)
  suppose('server', given.server)
  const { lane, model, streamed } = one
  // The very body that is sent afterwards, with what else stands in the address.
  const body = { ...lane.body(marker, model, streamed), ...lane.beside(model, streamed), simulate }
  return stage.app.call('POST', '/v1/route/explain', {
    headers: { ...lane.auth(apiKey), ...CLIENT_REPEATS, ...headers },
    body,
  })
}

// ---- Holding against the table -------------------------------------------------------------------------------------

const idOf = ({ ids, sharedId }: Brought, key: KeyName): string | null =>
  key === 'server' ? null : key === 'shared' ? sharedId : ids[key]!

function differences(what: string, wanted: object, got: object): string[] {
  const [want, have] = [JSON.stringify(wanted), JSON.stringify(got)]
  return want === have ? [] : [`${what} is ${have} instead of ${want}`]
}

function checkAnswer({ one, brought, given }: Question, expected: Expected, reply: Reply): string[] {
  const { lane, streamed } = one
  const last = expected.calls.at(-1)
  const refusal = expected.refusal && refusalIn(lane, expected.refusal)
  const header = (name: string): string | null => reply.headers.get(name)
  const wrong = differences(
    'the answer',
    {
      status: refusal?.status ?? 200,
      billedTo: last?.payer ?? null,
      key: last ? idOf(brought, last.key) : null,
      fallback: last?.fallback ?? null,
      attempts: String(expected.calls.length),
      retryAfter: refusal?.retryAfter ?? false,
    },
    {
      status: reply.status,
      billedTo: header('x-uniroute-billed-to'),
      key: header('x-uniroute-key'),
      fallback: header('x-uniroute-fallback'),
      attempts: header('x-uniroute-attempts'),
      retryAfter: Number(header('retry-after')) > 0,
    },
  )
  if (wrong.length > 0) wrong.push(`it says ${reply.text.slice(0, 200)}`)
  if (refusal === null) {
    const isEvents = header('content-type')?.startsWith('text/event-stream') ?? false
    if (isEvents !== streamed) wrong.push(`it comes as ${header('content-type')}`)
    if (header('x-uniroute-error-source') !== null) wrong.push('a good answer names the source of an error')
    return wrong
  }
  if (header('x-uniroute-error-source') === null) wrong.push('the source of the error is not named')
  if (reply.status === refusal.status) wrong.push(...checkEnvelope(lane, reply, refusal))
  if (refusal.code === 'provider_key_invalid') wrong.push(...checkNaming(brought, given, reply))
  return wrong
}

/** A rejected key is named by label and last four characters: the last one tried; of a shared one, no label. */
function checkNaming({ secrets, sharedSecret }: Brought, given: Given, reply: Reply): string[] {
  const isInvalid = (state: KeyState | null): boolean => state?.refusal.code === 'provider_key_invalid'
  const place = given.own.findLastIndex(({ state }) => isInvalid(state))
  if (isInvalid(given.server)) return []
  const isShared = given.shared !== null && isInvalid(given.shared)
  const secret = isShared ? sharedSecret! : secrets[place]!
  const wrong: string[] = []
  if (!reply.text.includes(secret.slice(-4))) wrong.push('the rejected key is not named by its last four characters')
  if (!isShared && !reply.text.includes(`, key ${place}`)) wrong.push('the rejected key is not named by its label')
  return wrong
}

function checkCalls({ stage, one, brought, marker }: Question, { calls }: Expected): string[] {
  if (!stage.reachable) return []
  const secretOf = (key: KeyName): string =>
    key === 'server'
      ? stage.serverKeys[one.lane.vendor]!
      : key === 'shared'
        ? brought.sharedSecret!
        : brought.secrets[key]!
  const seen = stage.calls.keysOf(marker)
  const wanted = calls.map(({ key }) => secretOf(key))
  if (JSON.stringify(seen) === JSON.stringify(wanted)) return []
  const nameOf = (secret: string): string => {
    if (secret === stage.serverKeys[one.lane.vendor]) return 'server'
    return secret === brought.sharedSecret ? 'shared' : String(brought.secrets.indexOf(secret))
  }
  return [`the provider was called with ${seen.map(nameOf)} instead of ${calls.map(({ key }) => key)}`]
}

function checkExplained({ one, brought }: Question, { calls, served, refusal }: Expected, result: Json): string[] {
  const last = calls.at(-1)
  const wanted = served
    ? {
        decision: 'serve',
        billed_to: last!.payer,
        provider_key_id: idOf(brought, last!.key),
        fallback: last!.fallback,
        status: 200,
        code: null,
      }
    : {
        decision: 'refuse',
        billed_to: null,
        provider_key_id: null,
        fallback: null,
        status: refusalIn(one.lane, refusal!).status,
        code: refusal!.code,
      }
  return differences('the explanation', wanted, result)
}

/** Which keys are in and which are out, before anything is known of what the provider will say. */
function checkChain({ brought, given }: Question, { calls }: Expected, { chain }: Json): string[] {
  const capped = given.own.some(({ state }) => state.name === 'capped')
  let turns = 0
  // No turn comes after a key that cannot be opened, nor after one whose provider is left alone, nor after six calls.
  let isOver = false
  const isIn = (state: KeyState, key: KeyName): boolean => {
    if (isOver || turns >= MOST_CALLS) return false
    if (state.called) turns++
    isOver = state.course === 'fail-closed' || state.leftAlone !== undefined
    return state.called || state.course === 'fail-closed' || (isOver && calls.some((call) => call.key === key))
  }
  const wanted: [string | null, string][] = given.own.map(({ state }, place) => [
    brought.ids[place]!,
    isIn(state, place) ? 'try' : 'skip',
  ])
  if (given.shared) wanted.push([brought.sharedId, !capped && isIn(given.shared, 'shared') ? 'try' : 'skip'])
  // Where some key is to be tried yet, the server's turn depends on what comes of it.
  const isServerSure = !wanted.some(([, decision]) => decision === 'try')
  if (isServerSure) wanted.push([null, calls.some(({ key }) => key === 'server') ? 'try' : 'skip'])
  const got = chain.map((step: Json) => [step.provider_key_id, step.decision]).slice(0, wanted.length)
  return differences('the explained chain', wanted, got)
}

/** The receipt, and the code in the ledger, which not every envelope has a place for. */
async function checkRecords(
  { stage, one, apiKey, brought }: Question,
  { calls, refusal }: Expected,
  reply: Reply,
  explained: Json,
): Promise<string[]> {
  const requestId = reply.headers.get('x-request-id')!
  const receipt = await stage.app.readReceipt(apiKey, requestId)
  const last = calls.at(-1)
  const wrong = differences(
    'the receipt',
    {
      status: reply.status,
      streamed: one.streamed,
      provider: one.lane.vendor,
      billed_to: last?.payer ?? null,
      provider_key_id: last ? idOf(brought, last.key) : null,
      fallback: last?.fallback ?? null,
      attempts: calls.map(({ key, payer }) => [idOf(brought, key), payer]),
    },
    {
      status: receipt.status,
      streamed: receipt.streamed,
      provider: receipt.provider,
      billed_to: receipt.billed_to,
      provider_key_id: receipt.provider_key_id,
      fallback: receipt.fallback,
      attempts: receipt.attempts.map((attempt: Json) => [attempt.provider_key_id, attempt.billed_to]),
    },
  )
  const row = await stage.app.database.query
    .selectFrom('requests')
    .select('error_code')
    .where('id', '=', requestId.replace(/^req_/, ''))
    .executeTakeFirst()
  if (row?.error_code !== (refusal?.code ?? null)) wrong.push(`the ledger has the code ${row?.error_code}`)
  if ((explained?.code ?? null) !== row?.error_code)
    wrong.push(`explained as ${explained?.code}, recorded as ${row?.error_code}`)
  return wrong
}
