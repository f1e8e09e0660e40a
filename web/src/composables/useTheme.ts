// Light or dark: the system's until somebody chooses; the choice is a plain cookie, which the server writes into the
// page, so that nothing flashes.
import { computed, type ComputedRef, onScopeDispose, ref } from 'vue'

export type ThemeChoice = 'system' | 'light' | 'dark'

const A_YEAR = 31_536_000
const chosen = ref(readChoice())

export function useTheme(): {
  isDark: ComputedRef<boolean>
  choice: ComputedRef<ThemeChoice>
  choose: (next: ThemeChoice) => void
  toggle: () => void
} {
  const system = window.matchMedia('(prefers-color-scheme: dark)')
  const systemDark = ref(system.matches)
  const isDark = computed(() => (chosen.value === 'system' ? systemDark.value : chosen.value === 'dark'))
  const follow = (event: MediaQueryListEvent): void => void (systemDark.value = event.matches)
  system.addEventListener('change', follow)
  onScopeDispose(() => system.removeEventListener('change', follow))
  return {
    isDark,
    choice: computed(() => chosen.value),
    choose,
    toggle: () => choose(isDark.value ? 'light' : 'dark'),
  }
}

function choose(next: ThemeChoice): void {
  chosen.value = next
  if (next === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = next
  const path = new URL(document.baseURI).pathname
  document.cookie = `theme=${next}; path=${path}; max-age=${next === 'system' ? 0 : A_YEAR}; samesite=lax`
}

function readChoice(): ThemeChoice {
  const theme = document.documentElement.dataset['theme']
  return theme === 'light' || theme === 'dark' ? theme : 'system'
}
