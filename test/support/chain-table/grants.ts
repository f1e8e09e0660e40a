// Who grants what: the operator's set, and what the account, the provider key, the API key and the request's header
// say. The selection covers every pair of values of every two of the five places, and is the same in every run.
import { FALLBACK_REASONS, type FallbackReason } from '../../../contract/common.ts'

/** What one of the four places says, of the reason that the key's state contributes. */
export type Word = 'allow' | 'this reason' | 'other reasons' | 'never'

/** `SERVER_FALLBACK`: each of the five reasons is granted here and not there. */
export const OPERATORS = {
  never: [],
  default: ['no_key', 'invalid', 'outage'],
  all: FALLBACK_REASONS,
  'opt-in only': ['rate_limited', 'exhausted'],
  'without no_key': ['invalid', 'outage', 'rate_limited'],
} as const satisfies Record<string, readonly FallbackReason[]>
export type Operator = keyof typeof OPERATORS

export interface GrantRow {
  readonly operator: Operator
  readonly account: Word
  readonly providerKey: Word
  readonly apiKey: Word
  /** `allow`: no header. */
  readonly header: Word
}

const WORDS: readonly Word[] = ['allow', 'this reason', 'other reasons', 'never']
const PLACES = ['account', 'providerKey', 'apiKey', 'header'] as const
const EVERYTHING: GrantRow = {
  operator: 'all',
  account: 'allow',
  providerKey: 'allow',
  apiKey: 'allow',
  header: 'allow',
}

/** The policy as the API takes it. */
export function policyOf(word: Word, reason: FallbackReason | null): 'allow' | 'never' | FallbackReason[] {
  if (word === 'allow' || word === 'never') return word
  const named = reason ?? 'no_key'
  return word === 'this reason' ? [named] : FALLBACK_REASONS.filter((one) => one !== named)
}

/** Alone at each place, first of all: every operator's set, and every word of every place where all else is granted. */
export const SINGLE_ROWS: readonly GrantRow[] = [
  ...(Object.keys(OPERATORS) as Operator[]).map((operator) => ({ ...EVERYTHING, operator })),
  ...PLACES.flatMap((place) =>
    WORDS.filter((word) => word !== 'allow').map((word) => ({ ...EVERYTHING, [place]: word })),
  ),
]

/** Every pair of values of every two places, greedily: each row is the one that covers most of what is left. */
export const PAIRWISE_ROWS: readonly GrantRow[] = coverPairs()

function coverPairs(): GrantRow[] {
  const all: GrantRow[] = []
  for (const operator of Object.keys(OPERATORS) as Operator[])
    for (const account of WORDS)
      for (const providerKey of WORDS)
        for (const apiKey of WORDS)
          for (const header of WORDS) all.push({ operator, account, providerKey, apiKey, header })
  const left = new Set(all.flatMap(pairsOf))
  const rows: GrantRow[] = []
  while (left.size > 0) {
    let best = all[0]!
    let most = -1
    for (const row of all) {
      const gain = pairsOf(row).filter((pair) => left.has(pair)).length
      if (gain > most) [best, most] = [row, gain]
    }
    rows.push(best)
    for (const pair of pairsOf(best)) left.delete(pair)
  }
  return rows
}

export function pairsOf(row: GrantRow): string[] {
  const values = Object.entries(row)
  return values.flatMap(([place, value], at) =>
    values.slice(at + 1).map(([other, its]) => `${place}=${value} ${other}=${its}`),
  )
}

export const describeRow = ({ operator, account, providerKey, apiKey, header }: GrantRow): string =>
  `operator ${operator}, account ${account}, key ${providerKey}, API key ${apiKey}, header ${header}`
