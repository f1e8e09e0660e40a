// A page waits for what belongs to its first picture, and not for what failed or was not asked: the rows that people
// read and press do not grow or move when something more arrives.
import { type Ref, ref, watch } from 'vue'

interface Asked {
  readonly status: { readonly value: 'pending' | 'success' | 'error' }
}

export const hasCome = ({ status }: Asked): boolean => status.value !== 'pending'

/** Whether it was ever so. A page that stands stays when something more is asked. */
export function wasOnce(isSo: () => boolean): Readonly<Ref<boolean>> {
  const was = ref(false)
  watch(isSo, (now) => (was.value ||= now), { immediate: true })
  return was
}
