// A form tells that something on it is not saved: the frame asks before the page is left, and a dialog or sheet round
// the form before it is closed.
import { inject, type InjectionKey, onScopeDispose, provide, ref, type Ref } from 'vue'
import { watchUnsaved } from '../services/unsaved.ts'

type IsUnsaved = () => boolean

const FORMS: InjectionKey<Set<IsUnsaved>> = Symbol('forms of the dialog')

export function useUnsaved(isUnsaved: IsUnsaved): void {
  const forms = inject(FORMS, null)
  const release = watchUnsaved(isUnsaved)
  forms?.add(isUnsaved)
  onScopeDispose(() => {
    release()
    forms?.delete(isUnsaved)
  })
}

/** For what can be closed: asks once where something in it would be lost, and closes without a question otherwise. */
export function useClosing(isUnsaved: IsUnsaved, close: () => void): { asks: Ref<boolean>; tryToClose: () => void } {
  const forms = new Set<IsUnsaved>()
  const asks = ref(false)
  useUnsaved(isUnsaved)
  provide(FORMS, forms)

  function tryToClose(): void {
    asks.value = isUnsaved() || [...forms].some((isSo) => isSo())
    if (!asks.value) close()
  }
  return { asks, tryToClose }
}
