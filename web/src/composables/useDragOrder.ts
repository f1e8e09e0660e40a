// Moving a row of a list by its handle, with a mouse, a pen or a finger; Escape lets go of it where it was. Keyboards
// have buttons for the same.
import { onScopeDispose, ref } from 'vue'

interface Drag {
  readonly list: string
  readonly from: number
  to: number
  /** How far it was moved, px; null: it was let go, and waits in its new place. */
  by: number | null
}

/** `move` is over when the list stands in its new order, or stays as it was. */
export function useDragOrder(move: (list: string, from: number, to: number) => Promise<unknown>) {
  const drag = ref<Drag | null>(null)
  let stop: (() => void) | null = null

  /** On the handle, a child of the row: `pointerdown`. */
  function begin(event: PointerEvent, list: string, from: number): void {
    const handle = event.currentTarget as HTMLElement
    const row = handle.closest('li')
    if (event.button !== 0 || !row?.parentElement || drag.value) return
    event.preventDefault()
    const rows = Array.from(row.parentElement.children, (one) => one.getBoundingClientRect())
    const [start, own] = [event.pageY, rows[from]]
    if (!own) return
    const ends = new AbortController()
    const options = { signal: ends.signal }
    const finish = async (goesThere: boolean): Promise<void> => {
      const to = drag.value?.to ?? from
      ends.abort()
      stop = null
      if (!goesThere || to === from) return rest()
      drag.value = { list, from, to, by: null }
      await move(list, from, to).finally(rest)
    }
    stop = () => void finish(false)
    drag.value = { list, from, to: from, by: 0 }
    handle.setPointerCapture(event.pointerId)
    handle.addEventListener(
      'pointermove',
      ({ pageY }) => {
        const by = pageY - start
        const middle = own.top + own.height / 2 + by
        // A place for each row whose middle was passed.
        const to = rows.filter((one, index) => index !== from && one.top + one.height / 2 < middle).length
        drag.value = { list, from, to, by }
      },
      options,
    )
    handle.addEventListener('pointerup', () => void finish(true), options)
    handle.addEventListener('pointercancel', () => stop?.(), options)
    window.addEventListener('keydown', ({ key }) => key === 'Escape' && stop?.(), options)
  }
  /** The list stands as it should. */
  function rest(): void {
    drag.value = null
  }
  /** The rows have come into another order. One that is in the hand is let go: its place is not what it was. */
  function settle(): void {
    stop?.()
    rest()
  }
  onScopeDispose(() => stop?.())

  /** How a row stands while one is moved: that one goes with the pointer, those that it passes make room. */
  function styleOf(list: string, index: number): { transform: string } | undefined {
    if (drag.value?.list !== list) return undefined
    const { from, to, by } = drag.value
    if (index === from) return { transform: by === null ? `translateY(${(to - from) * 100}%)` : `translateY(${by}px)` }
    if (index > from && index <= to) return { transform: 'translateY(-100%)' }
    return index < from && index >= to ? { transform: 'translateY(100%)' } : { transform: 'none' }
  }
  /** Of a row: whether it is the one that is moved, one that may make room, or neither. */
  function roleOf(list: string, index: number): 'moved' | 'beside' | null {
    if (drag.value?.list !== list) return null
    return drag.value.from === index ? 'moved' : 'beside'
  }

  return { begin, settle, styleOf, roleOf }
}
