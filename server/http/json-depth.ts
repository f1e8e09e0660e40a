// How deeply a JSON text nests, looked at while it arrives, so that no recursive reader behind it can be made to
// overflow its stack. It is no validation: it counts brackets outside strings, whatever else is wrong with the text.
import { GatewayError } from '../kernel/errors.ts'

export const MAX_JSON_DEPTH = 128

const QUOTE = 0x22
const BACKSLASH = 0x5c

export interface JsonDepthScan {
  /** Looks at the next bytes; throws 400 once the limit is passed. */
  push(chunk: Uint8Array): void
}

export function createJsonDepthScan(limit: number = MAX_JSON_DEPTH): JsonDepthScan {
  let depth = 0
  let inString = false
  let escaped = false

  /**
   * Walks inside a string from `index`; returns where it ends or the chunk does. Long strings (images) are jumped over.
   */
  function skipString(chunk: Uint8Array, index: number): number {
    let at = index
    while (at < chunk.length) {
      if (escaped) {
        escaped = false
        at++
        continue
      }
      const quote = chunk.indexOf(QUOTE, at)
      const end = quote === -1 ? chunk.length : quote
      let run = 0
      while (end - run > at && chunk[end - run - 1] === BACKSLASH) run++
      escaped = run % 2 === 1
      if (quote === -1) return end
      at = end + 1
      if (escaped) escaped = false
      else {
        inString = false
        return at
      }
    }
    return at
  }

  return {
    push(chunk) {
      let index = 0
      while (index < chunk.length) {
        if (inString) {
          index = skipString(chunk, index)
          continue
        }
        const byte = chunk[index++]
        if (byte === QUOTE) inString = true
        else if (byte === 0x7b || byte === 0x5b) {
          if (++depth > limit) {
            throw new GatewayError('bad_request', { message: `The JSON nests deeper than ${limit} levels.` })
          }
        } else if (byte === 0x7d || byte === 0x5d) depth--
      }
    },
  }
}

/** Throws 400 where the JSON text in `chunks` nests deeper than `limit`. */
export function checkJsonDepth(chunks: readonly Uint8Array[], limit: number = MAX_JSON_DEPTH): void {
  const scan = createJsonDepthScan(limit)
  for (const chunk of chunks) scan.push(chunk)
}
