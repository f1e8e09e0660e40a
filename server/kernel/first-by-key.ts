// Things in their order under keys, each of which is taken once: the first that is left under a key, in time that does
// not grow with how many there are.

export class FirstByKey<Thing> {
  readonly #lists = new Map<
    unknown,
    { readonly entries: { readonly thing: Thing; readonly at: number }[]; next: number }
  >()
  readonly #taken = new Set<Thing>()

  /** Under each of these keys. `at`: its place, no smaller than that of any added before. */
  add(thing: Thing, keys: readonly unknown[], at = 0): void {
    for (const key of keys) {
      const list = this.#lists.get(key)
      if (list) list.entries.push({ thing, at })
      else this.#lists.set(key, { entries: [{ thing, at }], next: 0 })
    }
  }

  /** Takes it from under all of its keys. `from`: the first place that counts, no smaller than asked for before. */
  take(key: unknown, from = 0): Thing | undefined {
    const list = this.#lists.get(key)
    if (!list) return undefined
    while (list.next < list.entries.length) {
      const { thing, at } = list.entries[list.next++]!
      if (at < from || this.#taken.has(thing)) continue
      this.#taken.add(thing)
      return thing
    }
    return undefined
  }

  wasTaken(thing: Thing): boolean {
    return this.#taken.has(thing)
  }
}
