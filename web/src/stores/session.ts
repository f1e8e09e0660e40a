// Who is signed in, for pages to read. The token is not here.
import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { User } from '../../../contract/accounts.ts'
import { type SessionState, watchSession } from '../services/session.ts'

export const useSessionStore = defineStore('session', () => {
  const state = ref<SessionState>('unknown')
  const user = ref<User | null>(null)
  watchSession((next, person) => {
    state.value = next
    user.value = person
  })
  return { state, user }
})
