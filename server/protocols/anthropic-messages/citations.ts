// Citations stand on a whole text block here, not on a range of it; foreign ones become web search locations.
import type { Citation } from '../canonical.ts'
import { asObject, asText } from '../read.ts'

const OWN = /^(?:char|page|content_block|web_search_result|search_result)_location$/

export function readCitation(value: unknown): Citation | null {
  const raw = asObject(value)
  if (!raw) return null
  const url = asText(raw['url'])
  const title = asText(raw['title']) ?? asText(raw['document_title'])
  const quote = asText(raw['cited_text'])
  return {
    ...(url === null ? {} : { url }),
    ...(title === null ? {} : { title }),
    ...(quote === null ? {} : { quote }),
    raw,
  }
}

export function readCitations(value: unknown): Citation[] {
  return Array.isArray(value) ? value.map(readCitation).filter((citation) => citation !== null) : []
}

/** Is it one that Anthropic wrote, so that it may go back there? */
export function isOwnCitation(citation: Citation): boolean {
  return OWN.test(asText(asObject(citation.raw)?.['type']) ?? '')
}

/** As a client of this dialect reads it; null where it names no source. `text`: what it stands at, as far as known. */
export function writeCitation(citation: Citation, text: string): Record<string, unknown> | null {
  if (isOwnCitation(citation)) return { ...asObject(citation.raw) }
  if (citation.url === undefined) return null
  return {
    type: 'web_search_result_location',
    url: citation.url,
    title: citation.title ?? null,
    cited_text: citation.quote ?? text.slice(citation.start ?? 0, citation.end ?? text.length),
    encrypted_index: '',
  }
}
