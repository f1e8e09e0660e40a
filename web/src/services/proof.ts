// What the server does only after a recent sign-in waits here until somebody has signed in once more over the page. All
// calls that wait share one question; whoever says no leaves each of them with the server's refusal.
import { shallowRef } from 'vue'

interface Question {
  readonly answer: (proved: boolean) => void
  readonly answered: Promise<boolean>
}

/** The question that stands open. */
export const proving = shallowRef<Question | null>(null)

/** True once they have signed in again, false where they would not. */
export function askForProof(): Promise<boolean> {
  if (!proving.value) {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    proving.value = {
      answered: promise,
      answer(proved) {
        proving.value = null
        resolve(proved)
      },
    }
  }
  return proving.value.answered
}
