// What nobody reads in a request that is translated: members of objects that stand in no table of their dialect
// (`request-shape.ts`). Each is told as lost, so that a field which is new, or only one vendor's, never vanishes
// without a word. Relayed requests never come here.
import type { LossReport } from './codec.ts'
import { lossOfField, noSuchField, type LossName } from './losses.ts'
import { asObject, isExactNumber } from './read.ts'
import { insideOf, type Shape } from './shape.ts'

/** What the loss of a member is called that has no name of its own, by the field of the body it stands in. */
const KINDS: Readonly<Record<string, LossName>> = {
  messages: 'message_fields',
  input: 'message_fields',
  contents: 'message_fields',
  system: 'message_fields',
  instructions: 'message_fields',
  systemInstruction: 'message_fields',
  system_instruction: 'message_fields',
  tools: 'tool_fields',
  functions: 'tool_fields',
  tool_choice: 'tool_config',
  function_call: 'tool_config',
}

/** Reports each member of a body that passed `checkShape` and that its tables do not know. */
export function reportUnread(body: Readonly<Record<string, unknown>>, shape: Shape, losses: LossReport): void {
  visit(body, [shape], (name, field) =>
    losses.drop(lossOfField(name, KINDS[field] ?? 'other_fields'), noSuchField(name)),
  )
}

/** `field`: the one of the body that it stands in; absent for the body itself. */
function visit(
  value: unknown,
  shapes: readonly Shape[],
  tell: (name: string, field: string) => void,
  field?: string,
): void {
  if (typeof value !== 'object' || value === null) return
  const { members, entries, open } = insideOf(value, shapes)
  if (Array.isArray(value)) {
    for (const entry of value as unknown[]) if (entries.length > 0) visit(entry, entries, tell, field)
    return
  }
  for (const [name, inner] of Object.entries(asObject(value) ?? {})) {
    const known = members.flatMap((table) => (Object.hasOwn(table, name) ? [table[name]!] : []))
    if (known.length > 0) visit(inner, known, tell, field ?? name)
    else if (!open && !saysNothing(inner)) tell(name, field ?? name)
  }
}

function saysNothing(value: unknown): boolean {
  if (typeof value !== 'object') return value === undefined || value === ''
  return value === null || (!isExactNumber(value) && Object.keys(value).length === 0)
}
