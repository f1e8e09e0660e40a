// A schema and what is said of it, for dialects that have a place for both in the schema alone.
import { asObject, asText } from './read.ts'

/** The schema, described; its own description stays behind the other. */
export function describeSchema(schema: unknown, description: string | undefined): unknown {
  const object = asObject(schema)
  if (!object || description === undefined || description === '') return schema
  const own = asText(object['description'])
  return { ...object, description: own === null ? description : `${description}\n\n${own}` }
}
