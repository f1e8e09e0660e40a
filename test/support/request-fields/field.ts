// What a list of request fields is made of: each with a value that is no default, and the names its loss may have.
import type { LossName } from '../../../server/protocols/losses.ts'
import type { Json } from '../cross-dialect.ts'

export interface RequestField {
  /** As in `thinking.display`; the top-level field is what stands before the first dot. */
  readonly name: string
  /** What the request has more than the plain one. */
  readonly with: Json
  /** What the request has without it, where more is needed for the field to mean something. */
  readonly beside?: Json
  /** Names for its loss; none = it must be carried, or the crossing refused. */
  readonly losses: readonly LossName[]
  /** What it asks for may be what a model does anyway. */
  readonly mayBeSo?: true
}

export const SCHEMA = {
  type: 'object',
  properties: { x: { type: 'number' } },
  required: ['x'],
  additionalProperties: false,
}

/** `temperature → {temperature: 0.5}`: fields that need nothing else. */
export function plain(
  fields: Readonly<Record<string, readonly [value: unknown, ...losses: LossName[]]>>,
): RequestField[] {
  return Object.entries(fields).map(([name, [value, ...losses]]) => ({ name, with: { [name]: value }, losses }))
}

/** Fields inside another one. */
export function inside(
  holder: string,
  fields: Readonly<Record<string, readonly [value: unknown, ...losses: LossName[]]>>,
  more: { readonly held?: Json; readonly beside?: Json } = {},
): RequestField[] {
  const { held, beside } = more
  return Object.entries(fields).map(([name, [value, ...losses]]) => ({
    name: `${holder}.${name}`,
    with: { ...beside, [holder]: { ...held, [name]: value } },
    beside: { ...beside, ...(held && { [holder]: held }) },
    losses,
  }))
}
