// Items as messages: turns of the same role combined, results first in the turn right after their calls and as many as
// there were calls, rules of the middle of a conversation where the vendor lets them stand.
import { FirstByKey } from '../../kernel/first-by-key.ts'
import type { Item } from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import { asText } from '../read.ts'
import type { ToolNames } from '../tool-names.ts'
import { encodeItem, type WireBlock } from './blocks.ts'
import type { Breakpoints } from './cache.ts'

type WireRole = 'user' | 'assistant' | 'system'

export interface WireMessage {
  readonly role: WireRole
  content: WireBlock[]
}

const NO_MARK: ReadonlySet<unknown> = new Set(['thinking', 'redacted_thinking'])

export function encodeMessages(
  items: readonly Item[],
  encoding: RequestEncoding,
  names: ToolNames,
  breakpoints: Breakpoints,
): WireMessage[] {
  const messages: WireMessage[] = []
  for (const item of items) {
    const block = encodeItem(item, { ...encoding, names })
    if (!block) continue
    if (!NO_MARK.has(block['type'])) breakpoints.mark(block, item.cache)
    append(messages, roleOf(item), [block])
  }
  const combined: WireMessage[] = []
  for (const { role, content } of orderResults(messages, encoding))
    if (content.length > 0) append(combined, role, content)
  return placeRules(combined, encoding)
}

function roleOf(item: Item): WireRole {
  switch (item.kind) {
    case 'call':
    case 'reasoning':
    case 'refusal':
      return 'assistant'
    case 'result':
      return 'user'
    default:
      return item.role === 'developer' ? 'system' : item.role
  }
}

function append(messages: WireMessage[], role: WireRole, blocks: readonly WireBlock[]): void {
  const last = messages.at(-1)
  if (last?.role === role) last.content.push(...blocks)
  else messages.push({ role, content: [...blocks] })
}

// A system message may follow a user turn or an assistant turn that ends in a tool the provider runs, as the last
// message or before an assistant turn. Elsewhere, and on models that know none, its text stands in a user turn.
function placeRules(messages: readonly WireMessage[], { profile, losses }: RequestEncoding): WireMessage[] {
  const placed: WireMessage[] = []
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'system') {
      append(placed, message.role, message.content)
      continue
    }
    const isOwn = message.content.some((block) => block['type'] !== 'text')
    if (isOwn || (profile.midSystem && isLegalPlace(messages[index - 1], messages[index + 1]))) placed.push(message)
    else {
      losses.approximate('system', 'the model takes no system message in this place')
      append(placed, 'user', message.content.map(asReminder))
    }
  }
  return placed
}

function isLegalPlace(before: WireMessage | undefined, after: WireMessage | undefined): boolean {
  if (after !== undefined && after.role !== 'assistant') return false
  if (before?.role === 'user') return true
  return before?.role === 'assistant' && isServerTool(before.content.at(-1))
}

function isServerTool(block: WireBlock | undefined): boolean {
  const type = asText(block?.['type']) ?? ''
  return (
    type === 'server_tool_use' || type === 'mcp_tool_use' || (type.endsWith('_tool_result') && type !== 'tool_result')
  )
}

// The block itself is changed, since a breakpoint may stand on it.
function asReminder(block: WireBlock): WireBlock {
  return Object.assign(block, { text: `<system-reminder>\n${asText(block['text']) ?? ''}\n</system-reminder>` })
}

/** Results of an assistant turn's calls stand first in the turn behind it, in the order of the calls. */
function orderResults(messages: readonly WireMessage[], { losses }: RequestEncoding): WireMessage[] {
  const results = new FirstByKey<WireBlock>()
  for (const [at, { content }] of messages.entries()) {
    for (const block of content) if (block['type'] === 'tool_result') results.add(block, [block['tool_use_id']], at)
  }
  const ahead: WireBlock[][] = messages.map(({ role, content }, at) => {
    const calls =
      role === 'assistant' && at < messages.length - 1 ? content.filter((one) => one['type'] === 'tool_use') : []
    return calls.map(({ id }) => results.take(id, at + 1) ?? missingResult(id, losses))
  })
  return messages.flatMap(({ role, content }, at) => {
    const before = ahead[at - 1] ?? []
    const rest = content.filter((block) => !results.wasTaken(block))
    if (before.length === 0 || role === 'user') return [{ role, content: [...before, ...rest] }]
    return [
      { role: 'user' as const, content: before },
      { role, content: rest },
    ]
  })
}

function missingResult(id: unknown, losses: RequestEncoding['losses']): WireBlock {
  losses.approximate('tool_result', 'a call without a result gets an error in its place')
  return { type: 'tool_result', tool_use_id: id, content: 'This call has no result.', is_error: true }
}

/** The conversation ends with results of calls that no thinking stands before. */
export function endsInBareToolTurn(messages: readonly WireMessage[]): boolean {
  const last = messages.at(-1)
  const turn = messages.at(-2)
  if (last?.role !== 'user' || !last.content.some((block) => block['type'] === 'tool_result')) return false
  return turn?.role === 'assistant' && !NO_MARK.has(turn.content[0]?.['type'])
}
