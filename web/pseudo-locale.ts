// A made-up language for looking at the dashboard: every text is longer, carries accents and stands between brackets.
// What is cut off in it would be cut off in German, and what has no brackets stands in no file of texts. For tests; it
// is never shipped.

const ACCENTS: Readonly<Record<string, string>> = {
  a: 'á',
  c: 'ç',
  e: 'ë',
  i: 'ï',
  n: 'ñ',
  o: 'ö',
  u: 'ü',
  y: 'ÿ',
  A: 'Å',
  E: 'É',
  I: 'Ï',
  N: 'Ñ',
  O: 'Ö',
  U: 'Û',
}
/** Of a text's length: what English grows by in most languages. */
const GROWTH = 0.4
/** What is filled in, or means something to the message syntax. */
const KEPT = /\{[^{}]*\}|@(?:\.\w+)?:\S+/

/** Writes a text in that language; what is filled in, and the forms of a plural, stay. */
export function writePseudo(text: string): string {
  return text
    .split(' | ')
    .map((form) => {
      const parts = form.split(new RegExp(`(${KEPT.source})`))
      const written = parts.map((part) =>
        KEPT.test(part) ? part : part.replace(/\p{L}/gu, (letter) => ACCENTS[letter] ?? letter),
      )
      const own = form.replaceAll(new RegExp(KEPT, 'g'), '').length
      // Words of five letters, so that a long text may wrap where a real one would.
      const more = 'lorem '.repeat(Math.ceil((own * GROWTH) / 6)).slice(0, Math.ceil(own * GROWTH))
      return `⟦${written.join('')}${own > 10 ? ' ' : ''}${more.trimEnd()}⟧`
    })
    .join(' | ')
}
