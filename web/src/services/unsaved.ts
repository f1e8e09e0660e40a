// What is written on the page and not saved, wherever it stands: a form, a dialog, a sheet. Whoever leaves it is asked
// first, by whatever way they leave: a link, the way back, the closing of the tab. A log-out asks nobody.
import { shallowRef } from 'vue'

type IsUnsaved = () => boolean

const drafts = new Set<IsUnsaved>()

/** The question that stands open; it goes on with the answer. */
export const leaving = shallowRef<{ readonly answer: (leaves: boolean) => void } | null>(null)

/** Looked at whenever somebody leaves, until it is taken back by what this returns. */
export function watchUnsaved(isUnsaved: IsUnsaved): () => void {
  drafts.add(isUnsaved)
  window.addEventListener('beforeunload', warn)
  return () => {
    drafts.delete(isUnsaved)
    if (drafts.size === 0) window.removeEventListener('beforeunload', warn)
  }
}

/** True at once where nothing would be lost; else once somebody has said so. */
export function mayLeave(): boolean | Promise<boolean> {
  if (!hasUnsaved()) return true
  leaving.value?.answer(false)
  return new Promise((resolve) => {
    leaving.value = {
      answer(leaves) {
        leaving.value = null
        resolve(leaves)
      },
    }
  })
}

/** Nothing here is anybody's any more. */
export function forgetUnsaved(): void {
  drafts.clear()
  leaving.value?.answer(true)
  window.removeEventListener('beforeunload', warn)
}

const hasUnsaved = (): boolean => [...drafts].some((isUnsaved) => isUnsaved())

function warn(event: BeforeUnloadEvent): void {
  if (hasUnsaved()) event.preventDefault()
}
