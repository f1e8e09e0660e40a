// A tool's result as a tool message: text, and pictures only where the server takes them there.
import type { ResultItem } from '../canonical.ts'
import { writeCache } from './cache.ts'
import { writeMedia } from './media.ts'
import { contentOf, type Message, type MessageEncoding } from './writing.ts'
import { CHAT } from './names.ts'

/** `more`: parts of the user message that follows. */
export function writeResult(
  result: ResultItem,
  encoding: MessageEncoding,
): { content: { content: unknown } & Message; more: Message[] } {
  const { profile, losses } = encoding
  const parts: Message[] = []
  const more: Message[] = []
  for (const part of result.parts) {
    if (part.kind === 'text') {
      if (part.text !== '') parts.push({ type: 'text', text: part.text })
    } else if (part.kind === 'media') {
      const media = writeMedia(part, encoding)
      if (profile.dialect.imageInTool || media['type'] === 'text') parts.push(media)
      else {
        parts.push({ type: 'text', text: `[${part.media} ${more.length + 1}: see the next message]` })
        more.push(media)
      }
    } else if (part.protocol === CHAT) parts.push({ ...(part.raw as Message) })
    else losses.drop('provider_items', 'a kind of content that only its own provider knows')
  }
  if (result.isError) markError(parts)
  const cache = writeCache(result.cache, encoding)
  const last = parts.at(-1)
  if (last) Object.assign(last, cache)
  return { content: { content: parts.length === 0 ? '' : contentOf(parts) }, more }
}

function markError(parts: Message[]): void {
  const first = parts[0]
  if (first?.['type'] === 'text') first['text'] = `Error: ${String(first['text'])}`
  else parts.unshift({ type: 'text', text: 'Error:' })
}
