// Who has the focus when a dialog opens, where that is not its first field: the way out that changes nothing, before
// what cannot be undone.
import { type ComponentPublicInstance, nextTick, useTemplateRef } from 'vue'

/** For `@opened` of the dialog: the component with this `ref` in its template has it. */
export function useFirstFocus(ref: string): (event: Event) => Promise<void> {
  const first = useTemplateRef<ComponentPublicInstance>(ref)
  return async (event) => {
    event.preventDefault()
    await nextTick()
    ;(first.value?.$el as HTMLElement | undefined)?.focus()
  }
}
