// When a dialog closes, the focus goes back to where it was. Where that is gone, with what was deleted say, the page
// has it and not nothing: the next Tab goes on there instead of at the top of everything.

/** Called while the dialog closes, before it gives the focus back. */
export function keepFocusOnPage(): void {
  setTimeout(() => {
    const isNowhere = document.activeElement === null || document.activeElement === document.body
    if (isNowhere) document.querySelector<HTMLElement>('#main')?.focus({ preventScroll: true })
  })
}
