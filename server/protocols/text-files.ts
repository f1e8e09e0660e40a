// Files that are text: a dialect without a place for them has them said in words.

const TEXT_TYPE = /^text\/|^application\/(?:json|xml|yaml|x-yaml|javascript|x-ndjson)\b|\+(?:json|xml)\b/

export function isTextType(mime: string): boolean {
  return TEXT_TYPE.test(mime)
}

/** `data`: base64. The name stands above the text. */
export function textOfFile(name: string | undefined, data: string): string {
  const text = Buffer.from(data, 'base64').toString('utf8')
  return name === undefined ? text : `${name}\n\n${text}`
}
