// The dashboard for Grafana and the alerts of docs/recipes: every figure and label that they name is one that a running
// server exports, and every figure of ours is looked at by one of them.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { describeRedis } from '../support/redis.ts'
import { findFreePort, startRedis, type RedisServer } from '../support/redis-server.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/recipes/${path}`, import.meta.url)), 'utf8')

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}
interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

const panels = (JSON.parse(read('grafana/uniroute.json')) as { panels: Panel[] }).panels
const rules = (parse(read('prometheus/alerts.yaml')) as Rules).groups.flatMap((group) => group.rules)
const asked = [
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [`panel "${title}"`, expr] as const)),
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
]

/** Put there by Prometheus itself. */
const LABELS_OF_PROMETHEUS = new Set(['job', 'instance'])

const namesIn = (expr: string): string[] => [...expr.matchAll(/\buniroute_\w+/g)].map(([name]) => name)

function labelsIn(expr: string): string[] {
  const matched = [...expr.matchAll(/[{,](\w+)(?:=~|!~|!=|=)/g)].map((found) => found[1]!)
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap((found) => found[1]!.split(/,\s*/))
  return [...matched, ...grouped].filter((label) => !LABELS_OF_PROMETHEUS.has(label))
}

describeRedis('what is looked at', () => {
  let fake: FakeProvider
  let redis: RedisServer
  let uniroute: UniRoute
  let families: Set<string>
  /** By the name of a sample. */
  let labels: Map<string, Set<string>>

  beforeAll(async () => {
    fake = await startFakeProvider()
    redis = await startRedis()
    const nowhere = `127.0.0.1:${await findFreePort()}`
    const env = {
      REDIS_URL: redis.url,
      SMTP_URL: `smtp://${nowhere}?tls=off&from=uniroute%40example.com`,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${nowhere}`,
    }
    uniroute = await startUniRoute({ fake, env })
    const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
    await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey)
    const { text } = await uniroute.call('GET', '/metrics')
    families = new Set([...text.matchAll(/^# TYPE (\w+) /gm)].map((found) => found[1]!))
    labels = new Map()
    for (const [, name, inside = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
      const known = labels.get(name!) ?? new Set()
      for (const found of inside.matchAll(/(\w+)="/g)) known.add(found[1]!)
      labels.set(name!, known)
    }
  })
  afterAll(async () => {
    await uniroute?.stop()
    uniroute?.remove()
    await redis?.kill()
    await fake?.close()
  })

  test.each(asked)('%s names what is exported', (_where, expr) => {
    const names = namesIn(expr)
    for (const name of names) expect([...labels.keys(), ...families]).toContain(name)
    const known = new Set(names.flatMap((name) => [...(labels.get(name) ?? [])]))
    // What has no sample yet shows no labels.
    if (names.some((name) => !labels.has(name))) return
    for (const label of labelsIn(expr)) expect(known).toContain(label)
  })

  test('no label is of a client’s choosing: models, keys, headers and addresses make no further series', async () => {
    const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
    const readSeries = async (): Promise<string[]> =>
      [
        ...(await uniroute.call('GET', '/metrics')).text.matchAll(
          /^(uniroute_(?:request|tokens|cost|unpriced|first)\S*\{.*\}) \S+$/gm,
        ),
      ].map((found) => found[1]!)
    const askFor = async (name: string): Promise<void> => {
      const headers = {
        'x-uniroute-models': name,
        'x-uniroute-fallback': name,
        'x-request-id': name,
        'user-agent': name,
      }
      for (const sent of [{}, headers]) {
        const body = { model: name, messages: [{ role: 'user', content: 'Hi' }] }
        await uniroute.call('POST', '/v1/chat/completions', { token: caller.apiKey, headers: sent, body })
      }
      await uniroute.call('POST', `/v1beta/models/${name}:generateContent`, {
        token: caller.apiKey,
        body: { contents: [{ parts: [{ text: 'Hi' }] }] },
      })
      await uniroute.call('GET', `/v1/files/${name}`, { token: caller.apiKey })
    }
    await askFor('wonderful-0')
    const before = await readSeries()
    expect(before.length).toBeGreaterThan(10)
    for (let at = 1; at <= 5; at++) await askFor(`wonderful-${at}`)
    expect(await readSeries()).toEqual(before)
    expect((await uniroute.call('GET', '/metrics')).text).not.toContain('wonderful')
  })

  test('tokens and cost are those of the ledger, and each answer says when it began', async () => {
    const readSum = async (name: string, labels = ''): Promise<number> => {
      const { text } = await uniroute.call('GET', '/metrics')
      const samples = [...text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\S+)$`, 'gm'))]
      return samples
        .filter(([, inside]) => inside!.includes(labels))
        .reduce((sum, [, , value]) => sum + Number(value), 0)
    }
    const KINDS = ['input', 'output', 'cache_read', 'cache_write', 'reasoning'] as const
    const readAll = async (): Promise<number[]> => [
      ...(await Promise.all(KINDS.map((kind) => readSum('uniroute_tokens_total', `kind="${kind}"`)))),
      await readSum('uniroute_cost_usd_total', 'payer="user"'),
      await readSum('uniroute_first_byte_seconds_count', 'streamed="false"'),
      await readSum('uniroute_first_byte_seconds_count', 'streamed="true"'),
      await readSum('uniroute_unpriced_calls_total'),
    ]
    const before = await readAll()
    const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
    for (const stream of [false, true, false]) {
      const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }], stream }
      expect((await uniroute.call('POST', '/v1/chat/completions', { token: caller.apiKey, body })).status).toBe(200)
    }
    const readTotal = async () => (await uniroute.call('GET', '/admin/usage', { token: caller.token })).body.total
    await expect.poll(async () => (await readTotal()).requests, { timeout: 10_000 }).toBe(3)
    const total = await readTotal()
    const told = (await readAll()).map((value, at) => value - before[at]!)
    expect(told.slice(0, 5)).toEqual(KINDS.map((kind) => total[`${kind}_tokens`]))
    expect(total.input_tokens * total.output_tokens * total.cost_usd_nanos).toBeGreaterThan(0)
    expect(told[5]! * 1e9).toBeCloseTo(total.cost_usd_nanos, 0)
    expect(told.slice(6)).toEqual([2, 1, 0])
  })

  test('each figure of ours is looked at', () => {
    const all = asked.map(([, expr]) => expr).join(' ')
    const own = [...families].filter((name) => !/^uniroute_(?:process|nodejs)_/.test(name))
    expect(own.length).toBeGreaterThan(10)
    expect(own.filter((name) => !all.includes(name))).toEqual([])
  })
})

test('there are panels and alerts, each with words for people', () => {
  expect(asked.length).toBeGreaterThan(30)
  for (const rule of rules) {
    expect(rule).toMatchObject({ annotations: { summary: expect.any(String), what_to_do: expect.any(String) } })
  }
})
