// Of many rows of one height, those that can be seen: the page scrolls, and only they stand in it.
import { computed, type ComputedRef, onMounted, onUnmounted, ref, type Ref } from 'vue'

/** Above and below what is seen. */
const MARGIN = 6

export interface WindowRows {
  readonly first: ComputedRef<number>
  /** The one after the last. */
  readonly end: ComputedRef<number>
}

export function useWindowRows(
  list: Readonly<Ref<HTMLElement | null>>,
  count: () => number,
  rowHeight: () => number,
): WindowRows {
  const top = ref(0)
  const height = ref(0)
  let frame = 0

  function look(): void {
    frame = 0
    top.value = -(list.value?.getBoundingClientRect().top ?? 0)
    height.value = window.innerHeight
  }
  const later = (): void => void (frame ||= requestAnimationFrame(look))
  onMounted(() => {
    look()
    window.addEventListener('scroll', later, { passive: true })
    window.addEventListener('resize', later)
  })
  onUnmounted(() => {
    cancelAnimationFrame(frame)
    window.removeEventListener('scroll', later)
    window.removeEventListener('resize', later)
  })
  const clamp = (index: number): number => Math.max(0, Math.min(count(), index))
  return {
    first: computed(() => clamp(Math.floor(top.value / rowHeight()) - MARGIN)),
    end: computed(() => clamp(Math.ceil((top.value + height.value) / rowHeight()) + MARGIN)),
  }
}
