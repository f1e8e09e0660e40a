// Rows for insertMany as JSON text per table: the cheapest form to make on the serving thread, readable by the SQLite
// worker (lists of values) and by PostgreSQL (objects). Columns are those any row of the batch names; what a row does
// not name is NULL. U+0000 and lone surrogates, which PostgreSQL cannot store, become U+FFFD here instead of refusing
// the batch: one odd model name sent by a client must not hold up everybody's usage.

export interface RowBatch {
  readonly table: string
  readonly rows: readonly object[]
}

export interface PreparedBatch {
  readonly table: string
  readonly columns: readonly string[]
  /** JSON text of the array of rows, each in the form asked for; lists are in the order of the columns. */
  readonly rows: string
}

// As JSON writes them; text that merely contains a backslash and these letters matches too and comes out unchanged.
const UNSTORABLE_ESCAPE = /\\u(0000|d[89a-f])/i

export function prepareBatches(batches: readonly RowBatch[], form: 'objects' | 'lists'): PreparedBatch[] {
  return batches.filter(({ rows }) => rows.length > 0).map(({ table, rows }) => prepareBatch(table, rows, form))
}

function prepareBatch(table: string, rows: readonly object[], form: 'objects' | 'lists'): PreparedBatch {
  const columns = columnsOf(rows)
  const shaped = form === 'objects' ? rows : rows.map((row) => listValues(row as Record<string, unknown>, columns))
  return { table, columns, rows: storableJson(shaped) }
}

function columnsOf(rows: readonly object[]): string[] {
  const columns = new Set<string>()
  for (const row of rows) for (const column in row) columns.add(column)
  return [...columns]
}

/** Rows of one kind name their columns in one order, which saves looking each up. */
function listValues(row: Record<string, unknown>, columns: readonly string[]): unknown[] {
  const values: unknown[] = []
  for (const column in row) {
    if (columns[values.length] !== column) return columns.map((name) => row[name])
    values.push(row[column])
  }
  return values.length === columns.length ? values : columns.map((name) => row[name])
}

function storableJson(rows: readonly object[]): string {
  const text = JSON.stringify(rows)
  // JSON.stringify writes the u in lower case; looking for it first spares nearly every batch the slower pattern.
  if (!text.includes('\\u') || !UNSTORABLE_ESCAPE.test(text)) return text
  return JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').toWellFormed() : value,
  )
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
