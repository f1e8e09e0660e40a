// Looking for a pattern in bytes of any length without making one long string of them: a string of a megabyte is left
// to the collector at its dearest, a full collection.

const WINDOW = 32 * 1024
/** Matches up to this long are found wherever they lie. */
export const LONGEST_MATCH = 1_024

/**
 * Does an ASCII pattern, free of `^`, `$` and look-around, match anywhere? Of longer matches than LONGEST_MATCH it may
 * be missed.
 */
export function matchesBytes(bytes: Buffer, pattern: RegExp): boolean {
  // Latin-1 keeps every byte a character, so ASCII is found without decoding.
  for (let start = 0; ; start += WINDOW) {
    const end = start + WINDOW + LONGEST_MATCH
    if (pattern.test(bytes.toString('latin1', start, Math.min(end, bytes.length)))) return true
    if (end >= bytes.length) return false
  }
}
