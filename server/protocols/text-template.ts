// Streams say the same object again and again around one text that changes. What stands around it is written once.

/**
 * `write`: JSON text that holds `text` once, as a string, and is otherwise always the same. The result writes the same
 * bytes without building the object: whatever `write` says for "a" and for "b" differs at the text alone.
 */
export function createTextTemplate(write: (text: string) => string): (text: string) => string {
  const [one, other] = [write('a'), write('b')]
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  // Said twice, or changed on its way: nothing can be put in its place.
  if (one.slice(at + 1) !== other.slice(at + 1) || one.slice(at - 1, at + 2) !== '"a"') return write
  const [before, behind] = [one.slice(0, at - 1), one.slice(at + 2)]
  return (text) => before + JSON.stringify(text) + behind
}
