// Sentences of the settings are written for the documentation: `code` and links are all the marks they have. A
// reference in brackets leads nowhere from here.
export interface SentencePart {
  readonly text: string
  readonly isCode: boolean
}

export function splitCode(sentence: string): SentencePart[] {
  return sentence
    .replaceAll(/\s*\(\[[^\]]+\]\([^)]*\)\)/g, '')
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .split('`')
    .map((text, index) => ({ text, isCode: index % 2 === 1 }))
    .filter(({ text }) => text !== '')
}
