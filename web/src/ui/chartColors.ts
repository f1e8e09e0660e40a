// The colours of the style sheet as a canvas needs them, and word when they change.
import { onScopeDispose, ref, type Ref } from 'vue'

/** `--c1`, in the theme of this moment. */
export function readColor(variable: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${variable})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

/** Counts up whenever light became dark or the other way round. */
export function useThemeChanges(): Ref<number> {
  const changes = ref(0)
  const count = (): void => void changes.value++
  const system = window.matchMedia('(prefers-color-scheme: dark)')
  const observer = new MutationObserver(count)
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
  system.addEventListener('change', count)
  onScopeDispose(() => {
    observer.disconnect()
    system.removeEventListener('change', count)
  })
  return changes
}
