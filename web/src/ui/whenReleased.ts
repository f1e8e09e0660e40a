// What may move the page waits for the end of a press: whoever leaves a field by pressing a button presses that button,
// and not what would have come in its place.
let isDown = false
const note = (is: boolean) => () => void (isDown = is)
for (const [name, is] of [
  ['pointerdown', true],
  ['pointerup', false],
  ['pointercancel', false],
] as const) {
  window.addEventListener(name, note(is), { capture: true, passive: true })
}

/** At once, where nothing is pressed. */
export function whenReleased(act: () => void): void {
  if (!isDown) return act()
  const ends = new AbortController()
  const end = (): void => {
    ends.abort()
    // The click comes first.
    setTimeout(act)
  }
  window.addEventListener('pointerup', end, { signal: ends.signal })
  window.addEventListener('pointercancel', end, { signal: ends.signal })
}
