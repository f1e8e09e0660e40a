// Names of HTTP fields in lower case. The same few come over and over, so each is put into lower case once.
// Invariant: what is remembered is bounded in number and length, since whoever sends names chooses them and what is
// remembered stays.

const MOST = 512
/** Longer ones are made up. */
export const LONGEST_REMEMBERED_NAME = 64

export class LowerCaseNames {
  readonly #known = new Map<string, string>()

  /** undefined: not met before, or not remembered. */
  find(name: string): string | undefined {
    return this.#known.get(name)
  }

  /** Remembers it, where there is room, and returns it in lower case. */
  add(name: string): string {
    if (name.length > LONGEST_REMEMBERED_NAME || this.#known.size >= MOST) return name.toLowerCase()
    // Part of a text keeps all of it in memory: what is remembered is a copy.
    const copy = Buffer.from(name, 'latin1').toString('latin1')
    const lower = copy.toLowerCase()
    this.#known.set(copy, lower)
    return lower
  }
}
