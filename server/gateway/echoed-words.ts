// Vendors repeat in their errors what a request said. Words that the client wrote decide nothing about a key that
// others may use too; a sentence that begins with them is the vendor's own, since a vendor names the place or says what
// is wrong before it repeats anything.
import { joinChunks } from '../kernel/json-scan.ts'
import { parseJson } from '../protocols/read.ts'
import type { Exchange } from './exchange.ts'

/** Did these words of a vendor's message come from the request? Reads it once, and only when asked. */
export function createEchoCheck(
  exchange: Pick<Exchange, 'body' | 'match' | 'requestedModel'>,
): (found: RegExpExecArray) => boolean {
  let written: string | null = null
  return (found) => {
    if (found.index === 0) return false
    written ??= readWritten(exchange)
    return written.includes(fold(found[0]))
  }
}

/** As people read it, whatever was escaped how. */
function readWritten({ body, match, requestedModel }: Pick<Exchange, 'body' | 'match' | 'requestedModel'>): string {
  const text = joinChunks(body).toString('utf8')
  const parsed = parseJson(text)
  const said = parsed === undefined ? text : JSON.stringify(parsed)
  const beside = [requestedModel, match.path, match.query.toString(), ...Object.values(match.headers)]
  return fold([said, ...beside].join('\n'))
}

/** Quotes and backslashes are written in many ways, and change nothing about whose words they are. */
function fold(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[\\"'`]+/g, '')
    .replaceAll(/(?:\s|\+|%20)+/g, ' ')
}
