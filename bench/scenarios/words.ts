// What the scenarios are written of. Nothing random and no clock: peers run in processes of their own and must come to
// the same bytes.

export function asJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** Plain words with some characters of two and four bytes, and some that JSON escapes. */
export function writeText(length: number): string {
  const sentence =
    'The "old" register of Zürich lists 1,204 houses by street and owner 🙂; the one that followed in 1834 has the year of building too.\n'
  // By characters, not by code units: half of one is no text.
  return [...sentence.repeat(Math.ceil(length / sentence.length) + 1)].slice(0, length).join('')
}

/** The same, in so many pieces of about a word. */
export function writeWords(count: number): string[] {
  const words = writeText(count * 8).split(/(?<= )/)
  return words.slice(0, count)
}
