// A whole answer that is the same each time but for the request's id and the date: laid out once, as bytes for the
// socket.
import { createUlid } from '../kernel/ids.ts'
import { type Answer, renderRawAnswer } from './answers.ts'

export interface PreparedAnswer {
  /** Its bytes for one request: its bare ULID, and the wall clock in milliseconds. */
  render(requestId: string, now: number): Buffer
}

/** `encode` is asked once; what it makes must hold nothing of the request but its id. */
export function prepareAnswer(
  encode: (requestId: string) => Answer,
  further: Readonly<Record<string, string>>,
): PreparedAnswer {
  // Of a time that is no request's, so that nothing else in the answer looks like it.
  const id = createUlid(0)
  const date = writeDate(0)
  const layout = Buffer.from(renderRawAnswer(encode(id), id, { ...further, date }))
  const ids = findAll(layout, id)
  const dateAt = layout.indexOf(date)
  let second = 0
  return {
    render(requestId, now) {
      const current = Math.floor(now / 1000)
      if (current !== second) {
        second = current
        layout.write(writeDate(now), dateAt, 'latin1')
      }
      const bytes = Buffer.from(layout)
      for (const at of ids) bytes.write(requestId, at, 'latin1')
      return bytes
    },
  }
}

/** As in the Date header: always as long. */
function writeDate(now: number): string {
  return new Date(now).toUTCString()
}

function findAll(bytes: Buffer, text: string): number[] {
  const places: number[] = []
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) places.push(at)
  return places
}
