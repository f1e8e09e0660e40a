// What calls to providers consumed, cost and how soon they began to answer, for Prometheus: the same figures that the one
// meter settles the ledger with. Labels are bounded: providers, payers, kinds of tokens and where a cost is from.
import { Counter, Histogram, type Registry } from 'prom-client'
import type { Cost, CostSource } from '../features/usage/records.ts'
import type { Usage } from '../protocols/canonical.ts'

export interface CallFacts {
  readonly usage: Usage
  readonly cost: Cost
  readonly provider: string
  readonly payer: string
  readonly streamed: boolean
  /** null where no answer began. */
  readonly firstByteMs: number | null
}

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300]

/** As figures are named, by what usage calls them. */
const KINDS = {
  input: 'input',
  cacheRead: 'cache_read',
  cacheWrite: 'cache_write',
  output: 'output',
  reasoning: 'reasoning',
} as const
type Kind = keyof typeof KINDS
const ALL_KINDS = Object.keys(KINDS) as Kind[]

interface Series {
  readonly tokens: Readonly<Record<Kind, Counter.Internal>>
  readonly cost: Map<CostSource, Counter.Internal>
  readonly firstByte: ReadonlyMap<boolean, Histogram.Internal<'provider' | 'streamed'>>
}

export function createUsageMetrics(registry: Registry): (call: CallFacts) => void {
  const registers = [registry]
  const tokens = new Counter({
    name: 'uniroute_tokens_total',
    help: 'Tokens of calls to providers, estimates included. cache_read and cache_write are parts of input, reasoning of output.',
    labelNames: ['provider', 'payer', 'kind'],
    registers,
  })
  const cost = new Counter({
    name: 'uniroute_cost_usd_total',
    help: 'What calls to providers cost, by where the figure is from.',
    labelNames: ['provider', 'payer', 'source'],
    registers,
  })
  const unpriced = new Counter({
    name: 'uniroute_unpriced_calls_total',
    help: 'Calls to providers whose cost is not known, and is in no sum.',
    labelNames: ['provider', 'payer'],
    registers,
  })
  const firstByte = new Histogram({
    name: 'uniroute_first_byte_seconds',
    help: 'From a call to the first byte of the answer of the provider; of a stream, about the first token.',
    labelNames: ['provider', 'streamed'],
    buckets: SECONDS,
    registers,
  })

  // Looking labels up costs more than counting.
  const seriesOf = new Map<string, Series>()
  function findSeries(provider: string, payer: string): Series {
    const name = `${provider} ${payer}`
    const known = seriesOf.get(name)
    if (known) return known
    const ofKind = (kind: Kind) => [kind, tokens.labels({ provider, payer, kind: KINDS[kind] })] as const
    const series: Series = {
      tokens: Object.fromEntries(ALL_KINDS.map(ofKind)) as Series['tokens'],
      cost: new Map(),
      firstByte: new Map(
        [true, false].map((streamed) => [streamed, firstByte.labels({ provider, streamed: String(streamed) })]),
      ),
    }
    seriesOf.set(name, series)
    return series
  }

  function countCost(series: Series, { provider, payer, cost: { usdNanos, source } }: CallFacts): void {
    if (usdNanos === null) return unpriced.inc({ provider, payer })
    let counter = series.cost.get(source)
    if (!counter) series.cost.set(source, (counter = cost.labels({ provider, payer, source })))
    counter.inc(usdNanos / 1e9)
  }

  return (call) => {
    const series = findSeries(call.provider, call.payer)
    for (const kind of ALL_KINDS) series.tokens[kind].inc(call.usage[kind] ?? 0)
    countCost(series, call)
    if (call.firstByteMs !== null) series.firstByte.get(call.streamed)!.observe(call.firstByteMs / 1000)
  }
}
