// The page follows what grows at its end, until the reader scrolls up; from there on it leaves them alone.
import { onMounted, onUnmounted, type Ref } from 'vue'

/** From how near the end on it counts as the end. */
const NEAR_PX = 160

export function useFollowEnd(growing: Readonly<Ref<HTMLElement | null>>): { follow(): void } {
  let follows = true
  const distance = (): number => document.documentElement.scrollHeight - window.innerHeight - window.scrollY
  const toEnd = (): void => window.scrollTo({ top: document.documentElement.scrollHeight })
  let lastTop = 0

  function onScroll(): void {
    const wentUp = window.scrollY < lastTop
    lastTop = window.scrollY
    if (wentUp && distance() > 4) follows = false
    else if (distance() < NEAR_PX) follows = true
  }
  const observer = new ResizeObserver(() => {
    if (follows) toEnd()
  })
  onMounted(() => {
    follows = false
    window.addEventListener('scroll', onScroll, { passive: true })
    if (growing.value) observer.observe(growing.value)
  })
  onUnmounted(() => {
    window.removeEventListener('scroll', onScroll)
    observer.disconnect()
  })
  return {
    follow() {
      follows = true
      toEnd()
    },
  }
}
