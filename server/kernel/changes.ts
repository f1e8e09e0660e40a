// What a change changed: each field with what it was and what it became. Whoever calls this hands in
// metadata only; a secret has no place in either.

export type Changes = Record<string, { readonly from: unknown; readonly to: unknown }>

/** Of the fields that were sent, those that differ; `columns` hold JSON as text. */
export function describeChanges<Row extends object>(
  before: Row,
  sent: Partial<Row>,
  columns: readonly (keyof Row & string)[] = [],
): Changes {
  const read = (name: string, value: unknown): unknown =>
    typeof value === 'string' && (columns as readonly string[]).includes(name) ? JSON.parse(value) : value
  const changes: Changes = {}
  for (const [name, to] of Object.entries(sent)) {
    const from = before[name as keyof Row]
    if (JSON.stringify(from) !== JSON.stringify(to)) changes[name] = { from: read(name, from), to: read(name, to) }
  }
  return changes
}
