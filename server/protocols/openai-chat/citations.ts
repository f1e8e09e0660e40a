// Citations: annotations on a message here, with a range in its text; Perplexity's lists of sources beside it.
import type { Citation } from '../canonical.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { asList, asNumber, restOf } from './names.ts'

const KNOWN = new Set(['url', 'title', 'content', 'start_index', 'end_index'])
const AROUND = new Set(['type', 'url_citation'])

export function readAnnotations(value: unknown): Citation[] {
  return asList(value).flatMap((entry) => {
    const raw = asObject(entry)
    return raw ? [readAnnotation(raw)] : []
  })
}

function isMore(object: JsonObject, known: ReadonlySet<string>): boolean {
  return Object.keys(restOf(object, known)).length > 0
}

function readAnnotation(raw: JsonObject): Citation {
  const cited = asObject(raw['url_citation'])
  const url = asText(cited?.['url'])
  if (!cited || url === null) return { raw }
  const title = asText(cited['title'])
  const quote = asText(cited['content'])
  const start = asNumber(cited['start_index'])
  const end = asNumber(cited['end_index'])
  // Where the range is not known, both are written as 0.
  const ranged = start !== undefined && end !== undefined && end > 0
  return {
    url,
    ...(title === null ? {} : { title }),
    ...(quote === null ? {} : { quote }),
    ...(ranged ? { start, end } : {}),
    ...(isMore(cited, KNOWN) || isMore(raw, AROUND) ? { raw } : {}),
  }
}

/** Sources listed beside an answer, not in it. */
export function readSources(body: JsonObject): Citation[] {
  const results = asList(body['search_results']).flatMap((entry) => {
    const result = asObject(entry)
    const url = asText(result?.['url'])
    if (url === null) return []
    const title = asText(result?.['title'])
    const quote = asText(result?.['snippet'])
    return [{ url, ...(title === null ? {} : { title }), ...(quote === null ? {} : { quote }) }]
  })
  if (results.length > 0) return results
  return asList(body['citations']).flatMap((url) => (typeof url === 'string' ? [{ url }] : []))
}

export const WITHOUT_ADDRESS = 'a source without an address cannot be said'

/** As an annotation; null where it names no source. `offset`: characters before the text it stands at. */
export function writeAnnotation(citation: Citation, offset: number): Record<string, unknown> | null {
  const { url, title, quote, start, end } = citation
  const raw = asObject(citation.raw)
  const cited = asObject(raw?.['url_citation'])
  const range = { start_index: (start ?? -offset) + offset, end_index: (end ?? -offset) + offset }
  if (raw && cited) return { ...raw, url_citation: { ...cited, ...range } }
  if (raw?.['type'] === 'file' && asObject(raw['file'])) return { ...raw }
  if (url === undefined) return null
  return {
    type: 'url_citation',
    url_citation: { url, title: title ?? '', ...range, ...(quote === undefined ? {} : { content: quote }) },
  }
}
