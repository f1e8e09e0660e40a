// Freeform tools where a dialect knows functions only: one with a single text, whose description says by which grammar.
import type { Tool } from './canonical.ts'
import { CannotCross } from './codec.ts'
import { asObject, asText } from './read.ts'

export const FREEFORM_SCHEMA = {
  type: 'object',
  properties: { input: { type: 'string', description: 'The whole input of the tool, as plain text.' } },
  required: ['input'],
  additionalProperties: false,
}

/** undefined where neither the tool nor its grammar is described. */
export function describeFreeform({ description, grammar }: Tool): string | undefined {
  const said = [description, describeGrammar(grammar)].filter((text) => typeof text === 'string' && text !== '')
  return said.length === 0 ? undefined : said.join('\n\n')
}

function describeGrammar(grammar: unknown): string | undefined {
  const format = asObject(grammar)
  if (!format || format['type'] === 'text') return undefined
  const rule = asObject(format['grammar']) ?? format
  const definition = asText(rule['definition'])
  if (definition === null) {
    throw new CannotCross('tools', 'The format of a custom tool is not known here. Send a grammar, or leave it out.')
  }
  return `The input must follow this ${asText(rule['syntax']) ?? 'formal'} grammar:\n${definition}`
}
