// What a request carries of other dialects when it is written in one: fields without a counterpart are reported, and
// those that the answer would be wrong without refuse the crossing.
import type { ChatRequest, Extras } from './canonical.ts'
import { CannotCross, type LossReport } from './codec.ts'

/** Fields whose loss would change what is asked for, with what to do instead. */
const CANNOT_CROSS: Readonly<Record<string, string>> = {
  mcp_servers: 'Call the MCP servers yourself and pass their tools as functions.',
  container: 'Leave it out, or name a model of the provider that holds the container.',
  conversation: 'Send the whole conversation in the request.',
  background: 'Send the request without it and wait for the answer.',
  cachedContent: 'Send the content itself.',
  cached_content: 'Send the content itself.',
}

/** Reports (or refuses) every extension and extra field that is not of the dialect `own`. */
export function reportForeignFields(request: ChatRequest, own: string, losses: LossReport): void {
  for (const [protocol, fields] of Object.entries(request.extensions)) {
    if (protocol === own) continue
    for (const [field, value] of Object.entries(fields)) {
      if (value === undefined || value === null || value === false) continue
      const instead = CANNOT_CROSS[field]
      if (instead !== undefined) {
        throw new CannotCross(field, `The model asked for is served in a dialect without \`${field}\`. ${instead}`)
      }
      losses.drop(field, 'the provider has no such field')
    }
  }
  for (const item of request.items) reportExtra(item.extra, own, losses)
  for (const tool of request.tools) reportExtra(tool.extra, own, losses)
}

function reportExtra(extra: Extras | undefined, own: string, losses: LossReport): void {
  for (const [protocol, fields] of Object.entries(extra ?? {})) {
    if (protocol === own) continue
    for (const field of Object.keys(fields)) losses.drop(field, 'the provider has no such field')
  }
}
