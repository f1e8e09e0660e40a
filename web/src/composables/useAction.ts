// One thing a button does: busy while it runs, its error kept until the next try.
import { ref, type Ref } from 'vue'
import { ApiError } from '../services/api/send.ts'

export interface Action<Input extends unknown[]> {
  readonly busy: Ref<boolean>
  readonly error: Ref<ApiError | null>
  /** True where it went well. A second press while it runs does nothing. */
  run(...input: Input): Promise<boolean>
  /** The last one once more. */
  again(): Promise<boolean>
}

export function useAction<Input extends unknown[]>(work: (...input: Input) => Promise<unknown>): Action<Input> {
  const busy = ref(false)
  const error = ref<ApiError | null>(null)
  let last: Input | null = null

  async function run(...input: Input): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    error.value = null
    last = input
    try {
      await work(...input)
      return true
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown
      error.value = thrown
      return false
    } finally {
      busy.value = false
    }
  }
  return { busy, error, run, again: async () => last !== null && run(...last) }
}
