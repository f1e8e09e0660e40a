// Things under way that come and go with every request, in no order. Not a Set: each time V8 makes a Set or a Map anew
// (every few dozen deletions) the old table goes on holding what was in it and its successor, so that one table in old
// space keeps everything that ever passed through the later ones until the next full collection.

export interface Bag<Item> extends Iterable<Item> {
  /** Returns its place, to take it out by. */
  add(item: Item): number
  /** Once per `add`: the place goes to another item afterwards. */
  remove(place: number): void
  readonly size: number
}

export function createBag<Item>(): Bag<Item> {
  const items: (Item | undefined)[] = []
  const free: number[] = []
  return {
    add(item) {
      const place = free.pop() ?? items.length
      items[place] = item
      return place
    },
    remove(place) {
      items[place] = undefined
      free.push(place)
    },
    get size() {
      return items.length - free.length
    },
    // Items may come and go meanwhile.
    *[Symbol.iterator]() {
      for (let place = 0; place < items.length; place++) {
        const item = items[place]
        if (item !== undefined) yield item
      }
    },
  }
}
