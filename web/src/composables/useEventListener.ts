// Listens as long as the component lives.
import { onScopeDispose } from 'vue'

export function useEventListener(target: EventTarget, name: string, listener: (event: Event) => void): void {
  target.addEventListener(name, listener, { passive: true })
  onScopeDispose(() => target.removeEventListener(name, listener))
}
