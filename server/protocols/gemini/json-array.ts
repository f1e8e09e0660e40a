// Gemini streams without `alt=sse`: one JSON array whose elements arrive one by one. Writing puts the array around what
// an event stream would say; reading takes it apart at any byte.

export interface JsonArrayFraming {
  readonly contentType: string
  readonly open: string
  /** Elements for whole events of an event stream's wire text. */
  wrap(events: string): string
  readonly close: string
}

/** For one stream: it remembers whether an element stands before the next. */
export function createJsonArrayFraming(): JsonArrayFraming {
  let begun = false
  return {
    contentType: 'application/json; charset=utf-8',
    open: '[',
    wrap(events) {
      let out = ''
      for (const line of events.split('\n')) {
        if (!line.startsWith('data:')) continue
        out += `${begun ? ',\r\n' : ''}${line.slice(5).trim()}\n`
        begun = true
      }
      return out
    },
    close: ']',
  }
}

export interface JsonArraySplitter {
  /** The texts of the elements that ended in these bytes. */
  push(chunk: Uint8Array): string[]
  /** Bytes of the element that has not ended yet. */
  readonly pending: number
  /** The array has closed. */
  readonly complete: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d

/**
 * Takes a top-level array of objects apart; a single object, as errors are sometimes sent, counts as its own element.
 */
export function createJsonArraySplitter(): JsonArraySplitter {
  const kept: Uint8Array[] = [] // the open element's bytes from earlier reads
  let keptBytes = 0
  let inArray = false
  let complete = false
  let depth = 0 // within an element
  let inString = false
  let escaped = false

  /** Follows one byte; true when it ends an element. */
  function step(byte: number): boolean {
    if (escaped) escaped = false
    else if (inString) {
      if (byte === BACKSLASH) escaped = true
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) return --depth === 0
    return false
  }

  return {
    push(chunk) {
      const elements: string[] = []
      let start = 0
      for (let index = 0; index < chunk.length && !complete; index++) {
        const byte = chunk[index]!
        if (depth === 0) {
          // Between elements only brackets matter; commas and white space are skipped.
          if (byte === OPEN_BRACE) {
            depth = 1
            start = index
          } else if (byte === OPEN_BRACKET && !inArray) inArray = true
          else if (byte === CLOSE_BRACKET) complete = inArray
        } else if (step(byte)) {
          elements.push(Buffer.concat([...kept, chunk.subarray(start, index + 1)]).toString('utf8'))
          kept.length = 0
          keptBytes = 0
          if (!inArray) complete = true
        }
      }
      if (depth > 0) {
        kept.push(Uint8Array.from(chunk.subarray(start)))
        keptBytes += chunk.length - start
      }
      return elements
    },
    get pending() {
      return keptBytes
    },
    get complete() {
      return complete
    },
  }
}
