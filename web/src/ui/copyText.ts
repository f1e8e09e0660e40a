// Copying that tells the truth. Browsers hide the clipboard from pages on plain HTTP; there the older way works, from a
// field that must stand within the open dialog, or its focus trap takes the focus away. That way says it worked when it
// did not, so only a copy event that carried the text counts.

/** True where the text really went to the clipboard. `near`: an element beside which a helper field may stand. */
export async function copyText(text: string, near: HTMLElement): Promise<boolean> {
  return (await copyModern(text)) || copyOlder(text, near)
}

async function copyModern(text: string): Promise<boolean> {
  if (!window.isSecureContext || !navigator.clipboard) return false
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch (error) {
    // Refused by the person or by a policy.
    if (error instanceof DOMException) return false
    throw error
  }
}

function copyOlder(text: string, near: HTMLElement): boolean {
  const focused = document.activeElement as HTMLElement | null
  const field = document.createElement('textarea')
  field.className = 'sr-only'
  field.readOnly = true
  field.tabIndex = -1
  field.setAttribute('aria-hidden', 'true')
  field.value = text
  let carried = false
  const carry = (event: ClipboardEvent): void => {
    event.preventDefault()
    event.stopImmediatePropagation()
    event.clipboardData?.setData('text/plain', text)
    carried = event.clipboardData?.getData('text/plain') === text
  }
  near.append(field)
  document.addEventListener('copy', carry, { capture: true })
  try {
    field.select()
    return document.execCommand('copy') && carried
  } finally {
    document.removeEventListener('copy', carry, { capture: true })
    field.remove()
    focused?.focus({ preventScroll: true })
  }
}

/** For copying by hand, where nothing else worked. */
export function selectText(element: HTMLElement): void {
  if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement) element.select()
  else window.getSelection()?.selectAllChildren(element)
}
