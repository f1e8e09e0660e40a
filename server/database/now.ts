// The database's own clock, the one clock that instances share.
import { sql, type RawBuilder } from 'kysely'
import type { Database } from './database.ts'

/** This moment by the database's clock, epoch ms. */
export function databaseNow(kind: Database['kind']): RawBuilder<number> {
  return kind === 'sqlite'
    ? sql<number>`CAST(unixepoch('subsec') * 1000 AS INTEGER)`
    : sql<number>`CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`
}
