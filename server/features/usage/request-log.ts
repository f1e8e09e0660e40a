// The log of requests, page by page, newest first; never counted. Pages are found by where the one before ended, and
// every filter has an index that begins with whose requests they are, so that a page costs the same in a log of a
// thousand requests and of a million.
import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely'
import type { RequestDetail, RequestList, RequestsOfAllQuery } from '../../../contract/requests.ts'
import type { Database } from '../../database/database.ts'
import type { RequestTable, Schema } from '../../database/schema.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { isUlid, parsePublicId } from '../../kernel/ids.ts'
import type { Ledger } from './ledger.ts'
import { LISTED_COLUMNS, toDetail, toListed } from './receipt.ts'
import { READ_OPERATIONS } from './records.ts'

/** Whose requests: one user's own, or, said in so many words, everybody's. */
export type LogScope = { readonly userId: string } | { readonly everyone: true }

export interface RequestLog {
  list(query: RequestsOfAllQuery, scope: LogScope): Promise<RequestList>
  /** One request, `req_…` or bare; 404 where it is none of theirs. */
  describe(id: string, scope: LogScope): Promise<RequestDetail>
  /** How many requests of a user for a provider the server's keys paid for, for a reason, from a time (epoch ms) on. */
  countServed(of: { userId: string; provider: string; reason: string; from: number }): Promise<number>
}

type Where = ExpressionBuilder<Schema, 'requests'>
const DAY_MS = 86_400_000

export function createRequestLog(options: {
  database: Pick<Database, 'query'>
  ledger: Pick<Ledger, 'flush'>
}): RequestLog {
  const database = options.database.query

  const find = (id: string, scope: LogScope): Promise<RequestTable | undefined> =>
    database
      .selectFrom('requests')
      .selectAll()
      .where('id', '=', id)
      .where((where) => where.and(inScope(where, scope)))
      .executeTakeFirst()

  return {
    async list(query, scope) {
      const { limit } = query
      const rows = await database
        .selectFrom('requests')
        .select(LISTED_COLUMNS)
        .where((where) => {
          const isOfOneKey = query.provider_key !== undefined || query.api_key !== undefined
          const whose = isOfOneKey ? alsoInScope(scope) : inScope(where, scope)
          return where.and([isLogged(), ...whose, ...listFilters(where, query)])
        })
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      return {
        requests: page.map(toListed),
        next: rows.length > limit && last !== undefined ? `${last.created_at}.${last.id}` : null,
      }
    },

    async describe(shown, scope) {
      const id = readId('req', shown)
      const request = (await find(id, scope)) ?? (await options.ledger.flush().then(() => find(id, scope)))
      if (!request)
        throw new GatewayError('not_found', { message: 'There is no request with this id that you may see.' })
      const attempts = await database
        .selectFrom('attempts')
        .selectAll()
        .where('request_id', '=', id)
        .orderBy('attempt')
        .execute()
      return toDetail(request, attempts)
    },

    async countServed({ userId, provider, reason, from }) {
      const { count } = await database
        .selectFrom('requests')
        .select((select) => select.fn.countAll().as('count'))
        .where((where) =>
          where.and([
            isLogged(),
            where('user_id', '=', userId),
            where('created_at', '>=', from),
            where('billed_to', '=', 'server'),
            where('provider', '=', provider),
            where('fallback', '=', reason),
          ]),
        )
        .executeTakeFirstOrThrow()
      return Number(count)
    },
  }
}

/** In the very words of the indexes, or the databases do not see that they fit. */
function isLogged(): Expression<SqlBool> {
  return sql<SqlBool>`operation NOT IN (${sql.join(READ_OPERATIONS.map((name) => sql.lit(name)))})`
}

function inScope(where: Where, scope: LogScope): Expression<SqlBool>[] {
  return 'userId' in scope ? [where('user_id', '=', scope.userId)] : []
}

/** The same, kept from leading: what one key did is found by the key's own index. */
function alsoInScope(scope: LogScope): Expression<SqlBool>[] {
  return 'userId' in scope ? [sql<SqlBool>`user_id || '' = ${scope.userId}`] : []
}

// size: one line per filter.
function listFilters(where: Where, query: RequestsOfAllQuery): Expression<SqlBool>[] {
  const { status, provider_key, api_key, billed_to, provider, model, id, fell_back, user } = query
  const filters: Expression<SqlBool>[] = []
  if (status === 'ok') filters.push(sql<SqlBool>`NOT (status >= 400 OR error_code IS NOT NULL)`)
  if (status === 'error') filters.push(isFailed())
  if (status === '4xx') filters.push(isFailed(), where('status', '>=', 400), where('status', '<', 500))
  if (status === '5xx') filters.push(isFailed(), where('status', '>=', 500))
  if (provider_key !== undefined) filters.push(where('provider_key_id', '=', readId('pk', provider_key)))
  if (api_key === 'none') filters.push(where('api_key_id', 'is', null))
  else if (api_key !== undefined) filters.push(where('api_key_id', '=', readId('ak', api_key)))
  if (billed_to !== undefined) filters.push(where('billed_to', '=', billed_to))
  if (provider !== undefined) filters.push(where('provider', '=', provider))
  if (model !== undefined) filters.push(where('model', '=', model))
  if (id !== undefined) filters.push(where('id', '=', readId('req', id)))
  if (fell_back !== undefined) filters.push(sql<SqlBool>`fallback <> 'none'`)
  if (user !== undefined) filters.push(where('user_id', '=', user))
  return [...filters, ...listBounds(where, query)]
}

/** One range, also where none was asked for: without one SQLite would rather read the whole table and sort it. */
function listBounds(where: Where, { from, to, cursor }: RequestsOfAllQuery): Expression<SqlBool>[] {
  const start = from === undefined ? 0 : Date.parse(from)
  const end = to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(to) + (to.length === 10 ? DAY_MS : 0)
  const [at, last] = cursor?.split('.') ?? []
  const isOlder = at === undefined ? [] : [where.or([where('created_at', '<', Number(at)), where('id', '<', last!)])]
  const bound = at === undefined ? end : Math.min(end, Number(at) + 1)
  return [where('created_at', '>=', start), where('created_at', '<', bound), ...isOlder]
}

function isFailed(): Expression<SqlBool> {
  return sql<SqlBool>`(status >= 400 OR error_code IS NOT NULL)`
}

/** The bare id. What is none finds nothing, like an id of nobody's. */
function readId(prefix: 'req' | 'pk' | 'ak', text: string): string {
  return parsePublicId(prefix, text) ?? (isUlid(text) ? text : '')
}
