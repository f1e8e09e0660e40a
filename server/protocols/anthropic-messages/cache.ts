// Cache breakpoints of one request: at most four, on models that know them, with one of two lifetimes.
import type { CacheMark } from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import { asObject, asText } from '../read.ts'

const MOST = 4
/** Lifetimes of other dialects as the nearest of this one. */
const NEAREST: Readonly<Record<string, string>> = { '30m': '5m', '12h': '1h', '24h': '1h' }

export interface Breakpoints {
  /** Puts a mark on a block or tool; call in the order of the prefix: tools, system, messages. */
  mark(block: Record<string, unknown>, cache: CacheMark | undefined): void
  /** Counts the mark a raw block brought along. */
  count(block: Record<string, unknown>): void
  /** Takes away what is too much: the first and the last ones stay, since a prefix is looked for from its end. */
  trim(taken: number): void
}

export function createBreakpoints({ profile, losses }: Pick<RequestEncoding, 'profile' | 'losses'>): Breakpoints {
  const marked: Record<string, unknown>[] = []
  return {
    mark(block, cache) {
      if (!cache) return
      if (!profile.cacheBreakpoints) return losses.drop('cache_control', 'the model knows no cache breakpoints')
      const { ttl } = cache
      const nearest = ttl === undefined ? undefined : (NEAREST[ttl] ?? ttl)
      if (nearest !== ttl) losses.approximate('cache_ttl', 'caches live 5 minutes or an hour')
      block['cache_control'] = { type: 'ephemeral', ...(nearest === undefined ? {} : { ttl: nearest }) }
      marked.push(block)
    },
    count(block) {
      if (asText(asObject(block['cache_control'])?.['type']) !== null) marked.push(block)
    },
    trim(taken) {
      const room = Math.max(MOST - taken, 1)
      if (marked.length <= room) return
      losses.drop('cache_control', 'a request holds at most 4 cache breakpoints')
      const tail = room - 1
      for (const block of marked.slice(1, marked.length - tail)) delete block['cache_control']
    },
  }
}
