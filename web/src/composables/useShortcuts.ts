// Keys that work everywhere: Ctrl or ⌘ and K for the palette; g and a letter for a page, / for the search of the page,
// n for something new, j and k through the rows, ? for help. Those of a single key can be switched off (they disturb
// speech input), for this browser.
import { onMounted, onUnmounted, ref, type Ref } from 'vue'
import { useRouter } from 'vue-router'

const STORED = 'uniroute-shortcuts'
/** How long a `g` waits for its letter. */
const CHORD_MS = 1_500

/** The letter behind `g` for each page. */
export const PAGE_KEYS: Readonly<Record<string, string>> = {
  '/': 'o',
  '/playground': 'p',
  '/models': 'm',
  '/settings/provider-keys': 'k',
  '/settings/api-keys': 'a',
  '/routing': 'r',
  '/team': 't',
  '/usage': 'u',
  '/requests': 'l',
  '/audit': 'd',
}

const enabled = ref(readEnabled())

/** Are those of a single key on? */
export function useSingleKeys(): { enabled: Ref<boolean>; set(on: boolean): void } {
  return {
    enabled,
    set(on) {
      enabled.value = on
      if (on) window.localStorage.removeItem(STORED)
      else window.localStorage.setItem(STORED, 'off')
    },
  }
}

export function useShortcuts(open: (what: 'palette' | 'help') => void): void {
  const router = useRouter()
  let chordUntil = 0

  function onKey(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
      event.preventDefault()
      open('palette')
      return
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !enabled.value || isBusy(event.target)) return
    if (takeSingle(event.key)) event.preventDefault()
  }

  function takeSingle(key: string): boolean {
    const isChord = performance.now() < chordUntil
    chordUntil = 0
    if (isChord) {
      const path = Object.keys(PAGE_KEYS).find((one) => PAGE_KEYS[one] === key)
      if (path === undefined) return false
      void router.push(path)
      return true
    }
    if (key === 'g') chordUntil = performance.now() + CHORD_MS
    else if (key === '/') focusSearch(open)
    else if (key === '?') open('help')
    else if (key === 'n') return beginNew()
    else if (key === 'j' || key === 'k') return goToRow(key === 'j' ? 1 : -1)
    else return false
    return true
  }

  onMounted(() => window.addEventListener('keydown', onKey))
  onUnmounted(() => window.removeEventListener('keydown', onKey))
}

function focusSearch(open: (what: 'palette') => void): void {
  const field = document.querySelector<HTMLInputElement>('[data-search] input, input[data-search]')
  if (field) field.focus()
  else open('palette')
}

/** Presses what makes a new one on this page, or goes to where one is written; false where there is no such thing. */
function beginNew(): boolean {
  const act = document.querySelector<HTMLElement>('[data-new]')
  if (act instanceof HTMLButtonElement) act.click()
  else act?.querySelector<HTMLElement>('input, textarea')?.focus()
  return act !== null
}

/** Moves the focus to the next row or the one before: to the first thing in it that takes it. */
function goToRow(step: 1 | -1): boolean {
  const rows = [...document.querySelectorAll('main tbody tr, main [data-row]')]
  const at = rows.findIndex((row) => row.contains(document.activeElement))
  const next = rows[at === -1 ? (step === 1 ? 0 : rows.length - 1) : at + step]
  next?.querySelector<HTMLElement>('button, a[href], input')?.focus()
  return rows.length > 0
}

/** Somebody writes, or a dialog has the word. */
function isBusy(target: EventTarget | null): boolean {
  if (document.querySelector('[role="dialog"], [role="menu"], [role="listbox"]')) return true
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
}

function readEnabled(): boolean {
  try {
    return window.localStorage.getItem(STORED) !== 'off'
  } catch (error) {
    if (error instanceof DOMException) return true
    throw error
  }
}
