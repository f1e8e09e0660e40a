// What a sealed envelope of ours looks like in a body, wherever it stands: its text, or base64 of it where a slot holds
// bytes. No provider can read one, and none gets to see it.

const MARKS = ['urs1.', 'dXJzMS'] as const

/** A whole JSON text that is an envelope. */
const ENVELOPE = /"(?:urs1\.[\w-]{38,}|dXJzMS[\w+/-]{50,}={0,2})"/

/** Of a value in a slot for state. */
export function isSealed(value: string): boolean {
  return MARKS.some((mark) => value.startsWith(mark))
}

/** A quick look: where this is false there is no envelope. */
export function mayHoldSealed(body: Buffer): boolean {
  return MARKS.some((mark) => body.includes(`"${mark}`))
}

export function holdsSealed(text: string): boolean {
  return ENVELOPE.test(text)
}
