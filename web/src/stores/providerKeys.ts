// What this tab knows of provider keys besides their metadata: which is being tested, and what its last test said. No
// secret ever comes here.
import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { ProviderKeyTest } from '../../../contract/provider-keys.ts'

export interface TestState {
  readonly busy: boolean
  readonly result: ProviderKeyTest | null
  /** A sentence, where the test itself could not be made. */
  readonly failure: string | null
}

export const useProviderKeyStore = defineStore('provider-keys', () => {
  const tests = ref<Record<string, TestState>>({})

  function setTest(id: string, state: TestState): void {
    tests.value[id] = state
  }
  function forget(id: string): void {
    delete tests.value[id]
  }
  return { tests, setTest, forget }
})
