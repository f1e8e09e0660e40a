// The chain of keys, as a table: every state × who grants what × every dialect, to its own provider and across,
// streamed and whole. The outcome is told beforehand from the written rules; the live walk and the explanation of it
// both match.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FallbackReason } from '../../contract/common.ts'
import { createJobLease } from '../../server/database/job-lease.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { createCallLog, failOften, type Actor, type Stage, type TableCase } from '../support/chain-table/bring-about.ts'
import type { Given, Policy } from '../support/chain-table/expected.ts'
import {
  describeRow,
  OPERATORS,
  PAIRWISE_ROWS,
  pairsOf,
  policyOf,
  SINGLE_ROWS,
  type GrantRow,
  type Operator,
} from '../support/chain-table/grants.ts'
import {
  ACTIVE,
  INVALID_STATE,
  KEY_STATES,
  LEFT_ALONE,
  LEFT_ALONE_RECOVERED,
  nameOf,
  SERVER_STATES,
  SILENT,
  UNREACHABLE,
  type KeyState,
} from '../support/chain-table/key-states.ts'
import { LANES, type Lane } from '../support/chain-table/lanes.ts'
import { runCase } from '../support/chain-table/stage.ts'
import { startInProcess } from '../support/in-process-app.ts'

const vendors = ['openai', 'anthropic', 'google'] as const
const createServerKeys = (scenario = '') =>
  Object.fromEntries(vendors.map((vendor) => [vendor, createFakeKey(vendor, `${scenario}_operator`)])) as Record<
    (typeof vendors)[number],
    string
  >

/** Longest wait for a silent provider; the server's key must answer within it. */
const SILENCE_MS = 3_000
/** Thousands of requests; how long they take is the machine's affair. */
const PATIENCE_MS = process.env['CHAIN_ROWS'] === 'all' ? 120 * 60_000 : 20 * 60_000
/** Cases of one stage at the same time. */
const WIDTH = 4

const SERVER_KEYS = createServerKeys()
const calls = createCallLog()
let fake: FakeProvider
const stages: Stage[] = []

beforeAll(async () => {
  fake = await startFakeProvider({ replay: calls.note, keepBodies: false })
})
afterAll(async () => {
  for (const { app } of stages) await app.close()
  await fake?.close()
})

interface Place {
  readonly env?: Record<string, string>
  readonly reachable?: boolean
  readonly serverKeys?: typeof SERVER_KEYS
  /** Longest wait for the provider. */
  readonly silenceMs?: number
}

async function openStage(operator: Operator, place: Place = {}): Promise<Stage> {
  const grant: readonly FallbackReason[] = OPERATORS[operator]
  const { serverKeys = SERVER_KEYS } = place
  const app = await startInProcess({
    fake,
    ...(place.silenceMs && { timers: { firstByte: place.silenceMs, streamSilence: place.silenceMs } }),
    env: {
      OPENAI_API_KEY: serverKeys.openai,
      ANTHROPIC_API_KEY: serverKeys.anthropic,
      GOOGLE_API_KEY: serverKeys.google,
      SERVER_FALLBACK: grant.length === 0 ? 'never' : grant.join(','),
      ...place.env,
    },
  })
  // Another instance looks after the keys, so that no check of them stands between the lines of the table.
  await createJobLease(app.database, { name: 'key-care', holder: 'another instance', leaseMs: 3_600_000 }).hold()
  const stage: Stage = { app, fake, calls, serverKeys, reachable: place.reachable ?? true, later: [] }
  stages.push(stage)
  return stage
}

async function createActor(stage: Stage, withLender: boolean): Promise<Actor> {
  const user = await stage.app.createUser()
  const actor = { user, lender: null, accountPolicy: '"allow"', apiKeys: new Map<string, string>() }
  if (!withLender) return actor
  const lender = await stage.app.createUser()
  const say = async (token: string, path: string, body: object) =>
    (await stage.app.call('POST', path, { token, body })).body
  const team = await say(lender.token, '/admin/teams', { name: 'Lenders' })
  const { code } = await say(lender.token, `/admin/teams/${team.id}/invites`, {})
  await say(user.token, '/admin/teams/join', { code })
  return { ...actor, lender: { user: lender, teamId: team.id } }
}

/** All of them, some at a time; what was not as the table says. */
async function runAll(stage: Stage, cases: readonly TableCase[], width = WIDTH): Promise<string[]> {
  const wrong: string[] = []
  const withLender = cases.some(({ given }) => given.shared !== null)
  // Cases of one account policy together, since changing it takes a call.
  const queue = [...cases].sort((a, b) => compare(JSON.stringify(a.given.account), JSON.stringify(b.given.account)))
  const work = async (): Promise<void> => {
    const actor = await createActor(stage, withLender)
    for (let one = queue.shift(); one; one = queue.shift()) wrong.push(...(await runCase(stage, actor, one)))
  }
  await Promise.all(Array.from({ length: Math.min(width, cases.length) }, work))
  for (const check of stage.later.splice(0)) wrong.push(...(await check()))
  return wrong
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

// ---- Cases ---------------------------------------------------------------------------------------------------------

let models = 0
/** A provider that fails is remembered by its model, so each case of it has a model of its own. */
function modelFor(lane: Lane, states: readonly (KeyState | null)[]): string {
  return states.some((state) => state?.knownModel) ? lane.model : `${lane.model}-${++models}`
}

function singleCase(lane: Lane, streamed: boolean, state: KeyState | null, row: GrantRow, server = ACTIVE): TableCase {
  const reason = state === null ? 'no_key' : state.reason
  const policy = (word: GrantRow['account']): Policy => policyOf(word, reason)
  const given: Given = {
    own: state === null ? [] : [{ state, policy: policy(row.providerKey) }],
    shared: null,
    server,
    operator: OPERATORS[row.operator],
    account: policy(row.account),
    apiKey: policy(row.apiKey),
    header: policy(row.header),
  }
  const name = `${lane.name}, ${streamed ? 'streamed' : 'plain'}, ${nameOf(state)}, ${describeRow(row)}`
  return { name, lane, streamed, given, model: modelFor(lane, [state, server]), twice: state?.remembered ?? false }
}

const WAYS = LANES.flatMap((lane) => [false, true].map((streamed) => ({ lane, streamed })))
const ROWS = [...SINGLE_ROWS, ...PAIRWISE_ROWS]
/**
 * Every state on every way, each time with the next so many rows: every state meets every row at least once. In
 * `npm run test:nightly`, every state on every way with every row.
 */
const IS_WHOLE = process.env['CHAIN_ROWS'] === 'all'
const ROWS_PER_WAY = IS_WHOLE ? ROWS.length : 2

/** Each case of an open breaker takes twenty requests to bring about. */
const WAYS_OF_BREAKERS = process.env['CHAIN_ROWS'] === 'all' ? 'all' : 'some'

function casesOf(states: readonly (KeyState | null)[]): { operator: Operator; one: TableCase }[] {
  return states.flatMap((state, index) =>
    WAYS.flatMap(({ lane, streamed }, way) =>
      Array.from({ length: ROWS_PER_WAY }, (_, at) => {
        const row = ROWS[((way + index) * ROWS_PER_WAY + at) % ROWS.length]!
        return { operator: row.operator, one: singleCase(lane, streamed, state, row) }
      }),
    ),
  )
}

describe('one key', { timeout: PATIENCE_MS }, () => {
  test('the selection of grants has every pair of words of every two places, and each word alone', () => {
    const pairs = new Set(PAIRWISE_ROWS.flatMap(pairsOf))
    expect(pairs.size).toBe(4 * 5 * 4 + 6 * 16)
    expect(SINGLE_ROWS).toHaveLength(5 + 4 * 3)
  })

  test('every state × grant × dialect × streamed or whole is as the table says, and as explained', async () => {
    const all = casesOf(KEY_STATES)
    const operators = Object.keys(OPERATORS) as Operator[]
    const wrong = await Promise.all(
      operators.map(async (operator) =>
        runAll(
          await openStage(operator),
          all.filter((one) => one.operator === operator).map(({ one }) => one),
        ),
      ),
    )
    console.info(
      `Chain table: ${all.length} cases of one key: ${KEY_STATES.length} states × ${WAYS.length} ways × ${ROWS_PER_WAY} of ${ROWS.length} rows of grants (${PAIRWISE_ROWS.length} pairwise)`,
    )
    report(wrong.flat())
  })

  test('a provider that is silent is a timeout, and the server’s key serves where that is granted', async () => {
    const stage = await openStage('all', { silenceMs: SILENCE_MS })
    const rows = SINGLE_ROWS.filter(({ operator }) => operator === 'all')
    const all = WAYS.map(({ lane, streamed }, way) => singleCase(lane, streamed, SILENT, rows[way % rows.length]!))
    const wrong = await runAll(stage, all, all.length)
    console.info(`Chain table: ${all.length} cases of a silent provider`)
    report(wrong)
  })

  test('a provider that cannot be reached is one for the server’s key as well', async () => {
    const url = await findDeadUrl()
    const env = { OPENAI_BASE_URL: url, ANTHROPIC_BASE_URL: url, GOOGLE_BASE_URL: url }
    const wrong: string[] = []
    let count = 0
    for (const operator of ['all', 'opt-in only'] as const) {
      const stage = await openStage(operator, { env, reachable: false })
      const row = SINGLE_ROWS.find((one) => one.operator === operator)!
      const all = WAYS.map(({ lane, streamed }) => singleCase(lane, streamed, UNREACHABLE, row, UNREACHABLE))
      wrong.push(...(await runAll(stage, all)))
      count += all.length
    }
    console.info(`Chain table: ${count} cases of a provider that cannot be reached`)
    report(wrong)
  })

  test('the server’s own key has states as well, and an allowance: told where no other key remains', async () => {
    const wrong: string[] = []
    let count = 0
    const own = KEY_STATES.filter((state) => state === null || ['invalid', 'cooling', 'exhausted'].includes(state.name))
    for (const server of SERVER_STATES) {
      const isSpent = server.name === 'allowance spent'
      const stage = await openStage('all', {
        serverKeys: createServerKeys(server.scenario),
        ...(isSpent && { env: { SERVER_ALLOWANCE_USD_PER_DAY: '0.000000001' } }),
      })
      if (!server.called && !isSpent) await findOut(stage)
      const row = SINGLE_ROWS.find(({ operator }) => operator === 'all')!
      const all = WAYS.flatMap(({ lane, streamed }, way) =>
        own
          .map((state) => singleCase(lane, streamed, state, row, server))
          // What is remembered of the server's key is asked about elsewhere.
          .map((one) => ({ ...one, twice: false }))
          .filter((_, at) => (at + way) % 2 === 0 || server.called),
      )
      count += all.length
      wrong.push(...(await runAll(stage, all)))
    }
    console.info(`Chain table: ${count} cases of the server's key in ${SERVER_STATES.length} states`)
    report(wrong)
  })

  test('a provider that failed too often is left alone: the server’s key serves where granted, or it is asked once in a while', async () => {
    let count = 0
    const wrong: string[] = []
    for (const operator of ['all', 'default', 'never'] as const) {
      const stage = await openStage(operator)
      const rows = ROWS.filter((row) => row.operator === operator)
      const all = [LEFT_ALONE, LEFT_ALONE_RECOVERED].flatMap((state) =>
        WAYS.filter((_, way) => WAYS_OF_BREAKERS === 'all' || way % 4 === rows.length % 4).map(
          ({ lane, streamed }, way) => singleCase(lane, streamed, state, rows[way % rows.length]!),
        ),
      )
      count += all.length
      wrong.push(...(await runAll(stage, all)))
    }
    console.info(`Chain table: ${count} cases of a provider that is left alone`)
    report(wrong)
  })

  test('so is the server’s, on its own side; where both are, the server’s key is asked', async () => {
    const stage = await openStage('all', { serverKeys: createServerKeys('closed') })
    const { apiKey } = await stage.app.createCaller()
    const serverState = (recovered: boolean): KeyState => ({
      ...(recovered ? LEFT_ALONE_RECOVERED : LEFT_ALONE),
      name: `server left alone${recovered ? ', recovered' : ''}`,
    })
    const calls = new Map<string, number>()
    const row = SINGLE_ROWS.find(({ operator }) => operator === 'all')!
    const all = [null, INVALID_STATE, LEFT_ALONE].flatMap((state, at) =>
      WAYS.filter((_, way) => WAYS_OF_BREAKERS === 'all' || way % 6 === at).map(({ lane, streamed }, way) => ({
        ...singleCase(lane, streamed, state, row, serverState(way % 2 === 0)),
        twice: false,
      })),
    )
    const recovered = new Set(
      all.filter(({ given }) => given.server.leftAlone === 'recovered').map(({ model }) => model),
    )
    for (const vendor of vendors) {
      fake.behave(stage.serverKeys[vendor]!, (_call, { model }) => {
        calls.set(model, (calls.get(model) ?? 0) + 1)
        return recovered.has(model) && calls.get(model)! > 20 ? undefined : 'down500'
      })
    }
    const wrong: string[] = []
    // One after the other: a breaker does not stay open for long.
    for (const one of all) {
      await failOften(stage, one, apiKey)
      wrong.push(...(await runAll(stage, [one])))
    }
    console.info(`Chain table: ${all.length} cases of a server's key whose provider is left alone`)
    report(wrong)
  })

  test('where it is safe, a provider that failed is asked once more with the same key, then with the server’s', async () => {
    const stage = await openStage('all')
    // So many repeats are in the budget of a provider at once.
    const lanes = LANES.filter(({ name }) => /^(?:openai-chat|anthropic-messages|gemini) /.test(name)).slice(0, 6)
    const seen: string[] = []
    for (const lane of lanes) {
      for (const [scenario, most] of [
        ['down500', 2],
        ['reset', 1],
      ] as const) {
        const secret = createFakeKey(lane.vendor, scenario)
        const caller = await stage.app.createCaller({ keys: { [lane.vendor]: secret } })
        const model = `${lane.model}-${++models}`
        const reply = await stage.app.call('POST', lane.path(model, false), {
          headers: lane.auth(caller.apiKey),
          body: lane.body('again', model, false),
        })
        const attempts = Number(reply.headers.get('x-uniroute-attempts'))
        const own = fake.requestsOf(secret).length
        if (reply.headers.get('x-uniroute-billed-to') !== 'server' || own !== most || attempts !== most + 1)
          seen.push(`${lane.name}, ${scenario}: ${own} calls with the own key, ${attempts} attempts, ${reply.status}`)
      }
    }
    report(seen)
  })
})

describe('several keys', { timeout: PATIENCE_MS }, () => {
  const [chat] = LANES
  const policies = [
    ['allow', 'allow'],
    ['its own', 'its own'],
    ['its own', 'another'],
    ['never', 'allow'],
  ] as const
  const present = KEY_STATES.filter((state): state is KeyState => state !== null)

  function policyFor(word: (typeof policies)[number][number], { reason }: KeyState): Policy {
    if (word === 'its own') return policyOf('this reason', reason)
    return word === 'another' ? policyOf('other reasons', reason) : word
  }

  test('every state before every state: each contributes its reason, and a temporary one is told before a lasting one', async () => {
    const pairs = present.flatMap((first) => present.map((second) => [first, second] as const))
    let count = 0
    const wrong = await Promise.all(
      (['default', 'all', 'without no_key'] as const).map(async (operator, at) => {
        const all = pairs.map(([first, second], index): TableCase => {
          const [mine, other] = policies[(index + at) % policies.length]!
          const streamed = index % 2 === 1
          const given: Given = {
            own: [
              { state: first, policy: policyFor(mine, first) },
              { state: second, policy: policyFor(other, second) },
            ],
            shared: null,
            server: ACTIVE,
            operator: OPERATORS[operator],
            account: 'allow',
            apiKey: 'allow',
            header: 'allow',
          }
          const name = `${first.name} (${mine}) before ${second.name} (${other}), operator ${operator}`
          return { name, lane: chat!, streamed, given, model: pairModel(chat!, [first, second]), twice: false }
        })
        // Under the second and the third grant each pair once, not twice.
        const chosen =
          IS_WHOLE || operator === 'all'
            ? all
            : all.filter((_, index) => (index + Math.floor(index / present.length)) % 2 === at / 2)
        count += chosen.length
        return runAll(await openStage(operator), chosen)
      }),
    )
    console.info(`Chain table: ${count} cases of two own keys`)
    report(wrong.flat())
  })

  test('of many keys at most six are called, repeats and the server’s included', async () => {
    const [known, unknown] = [
      present.filter(({ course }) => course !== 'provider-down'),
      present.filter(({ knownModel }) => !knownModel),
    ]
    const failing = unknown.filter(({ called, course }) => called && course !== 'serves')
    let count = 0
    const wrong = await Promise.all(
      (['all', 'default', 'never'] as const).map(async (operator, at) => {
        const all = Array.from({ length: IS_WHOLE ? ROWS.length * 15 : 45 }, (_, index): TableCase => {
          const { lane, streamed } = WAYS[(index + at) % WAYS.length]!
          const length = 5 + (index % 5)
          // Every third list is of keys that all fail when called, so that the bound is met; the others are of any
          // kind.
          const among = index % 3 === 0 ? failing : index % 3 === 1 ? known : unknown
          const step = 1 + ((index + at) % 5)
          const states = Array.from({ length }, (_each, place) => among[(index + place * step) % among.length]!)
          const given: Given = {
            own: states.map((state) => ({ state, policy: 'allow' })),
            shared: null,
            server: ACTIVE,
            operator: OPERATORS[operator],
            account: 'allow',
            apiKey: 'allow',
            header: 'allow',
          }
          const name = `${lane.name}, keys ${states.map(nameOf).join(' | ')}, operator ${operator}`
          return { name, lane, streamed, given, model: pairModel(lane, states), twice: false }
        })
        count += all.length
        return runAll(await openStage(operator), all)
      }),
    )
    console.info(`Chain table: ${count} cases of five keys and more`)
    report(wrong.flat())
  })

  test('a shared key stands between the own ones and the server’s, and brings neither reason nor policy', async () => {
    const own = KEY_STATES.filter((state) => state?.workedBefore !== true)
    const lent = present.filter(({ workedBefore }) => workedBefore !== true)
    let count = 0
    const wrong = await Promise.all(
      (['all', 'never'] as const).map(async (operator, at) => {
        const all = own.flatMap((state, index) =>
          lent.map((shared, other): TableCase => {
            const { lane, streamed } = WAYS[(index * lent.length + other + at) % WAYS.length]!
            const given: Given = {
              own: state === null ? [] : [{ state, policy: 'allow' }],
              shared,
              server: ACTIVE,
              operator: OPERATORS[operator],
              account: 'allow',
              apiKey: 'allow',
              header: 'allow',
            }
            const name = `${lane.name}, own key ${nameOf(state)}, shared key ${shared.name}, operator ${operator}`
            return { name, lane, streamed, given, model: pairModel(lane, [state, shared]), twice: false }
          }),
        )
        // Without the server's keys there is less to tell apart.
        const chosen = operator === 'all' ? all : all.filter((_, index) => index % 3 === 0)
        count += chosen.length
        return runAll(await openStage(operator), chosen)
      }),
    )
    console.info(`Chain table: ${count} cases of a shared key`)
    report(wrong.flat())
  })
})

/** One call at each vendor with the server's key. */
async function findOut(stage: Stage): Promise<void> {
  const { apiKey } = await stage.app.createCaller()
  for (const vendor of vendors) {
    const lane = LANES.find((one) => one.vendor === vendor)!
    const body = lane.body('to find out', lane.model, false)
    await stage.app.call('POST', lane.path(lane.model, false), { headers: lane.auth(apiKey), body })
  }
}

/** Of a provider that fails and a model that must be known at once there are few cases; spread, no breaker opens. */
function pairModel(lane: Lane, states: readonly (KeyState | null)[]): string {
  if (!states.some((state) => state?.knownModel)) return modelFor(lane, states)
  const known = KNOWN[lane.vendor]
  return known[++models % known.length]!
}

const KNOWN = {
  openai: ['gpt-5', 'gpt-5-mini', 'gpt-5-nano', 'gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-mini'],
  anthropic: ['claude-sonnet-5', 'claude-sonnet-4-5', 'claude-opus-4-8', 'claude-opus-4-5', 'claude-haiku-4-5'],
  google: ['gemini-3.5-flash', 'gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-2.5-flash-lite'],
}

/** Nobody listens there. */
async function findDeadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

function report(wrong: readonly string[]): void {
  expect({ wrong: wrong.length, first: wrong.slice(0, 12) }).toEqual({ wrong: 0, first: [] })
}
