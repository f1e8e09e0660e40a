// Light or dark: the system's until somebody chooses; the choice is a plain cookie, which the server writes into the
// page, so that nothing flashes.
import { computed, type ComputedRef, onScopeDispose, ref } from 'vue'

const A_YEAR = 31_536_000

export function useTheme(): { isDark: ComputedRef<boolean>; toggle: () => void } {
  const system = window.matchMedia('(prefers-color-scheme: dark)')
  const systemDark = ref(system.matches)
  const chosen = ref(document.documentElement.dataset['theme'])
  const isDark = computed(() => (chosen.value === undefined ? systemDark.value : chosen.value === 'dark'))
  const follow = (event: MediaQueryListEvent): void => void (systemDark.value = event.matches)
  system.addEventListener('change', follow)
  onScopeDispose(() => system.removeEventListener('change', follow))
  return {
    isDark,
    toggle() {
      const next = isDark.value ? 'light' : 'dark'
      chosen.value = next
      document.documentElement.dataset['theme'] = next
      const path = new URL(document.baseURI).pathname
      document.cookie = `theme=${next}; path=${path}; max-age=${A_YEAR}; samesite=lax`
    },
  }
}
