// How somebody wants to read in this browser: in which time zone, and how closely rows stand. Kept beside the page,
// since it says nothing about anybody.
import { computed, type ComputedRef, reactive, readonly } from 'vue'

export type Density = 'comfortable' | 'compact'

interface Preferences {
  /** Empty: the browser's own. */
  readonly timeZone: string
  readonly density: Density
}

const STORED = 'uniroute-reading'
const preferences = reactive<{ timeZone: string; density: Density }>(read())
showDensity()

export function usePreferences(): {
  preferences: Preferences
  timeZone: ComputedRef<string>
  set: (change: Partial<Preferences>) => void
} {
  return { preferences: readonly(preferences), timeZone: computed(preferredZone), set }
}

/** The time zone that moments and days are said in. */
export function preferredZone(): string {
  return preferences.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone
}

function set(change: Partial<Preferences>): void {
  Object.assign(preferences, change)
  showDensity()
  window.localStorage.setItem(STORED, JSON.stringify(preferences))
}

function showDensity(): void {
  document.documentElement.dataset['density'] = preferences.density
}

function read(): { timeZone: string; density: Density } {
  try {
    const kept = JSON.parse(window.localStorage.getItem(STORED) ?? '{}') as Partial<Preferences>
    const known = Intl.supportedValuesOf('timeZone')
    const zone = kept.timeZone ?? ''
    return {
      timeZone: zone === 'UTC' || known.includes(zone) ? zone : '',
      density: kept.density === 'compact' ? 'compact' : 'comfortable',
    }
  } catch (error) {
    // A store that is closed, or holds what nobody wrote.
    if (error instanceof DOMException || error instanceof SyntaxError) return { timeZone: '', density: 'comfortable' }
    throw error
  }
}
