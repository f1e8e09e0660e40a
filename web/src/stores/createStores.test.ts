// After a log-out every store is what it was when it was new, those to come included.
import { defineStore } from 'pinia'
import { createApp, ref } from 'vue'
import { expect, test } from 'vitest'
import { endSession, signIn } from '../services/session.ts'
import { createStores } from './createStores.ts'
import { useProviderKeyStore } from './providerKeys.ts'
import { useSessionStore } from './session.ts'
import { useToastStore } from './toasts.ts'

const USER = { id: 'u1', email: 'ada@example.test', name: 'Ada', role: 'user' } as never

test('a log-out empties every store, and says who is signed in last', () => {
  const pinia = createStores()
  createApp({}).use(pinia)
  const session = useSessionStore(pinia)
  const keys = useProviderKeyStore(pinia)
  const toasts = useToastStore(pinia)
  const further = defineStore('further', () => ({ drafts: ref<string[]>(['first']) }))(pinia)
  signIn({ token: 't', user: USER, must_add_second_factor: false } as never)
  expect(session.state).toBe('in')
  keys.setTest('pk_1', { busy: false, result: null, failure: 'It failed.' })
  toasts.show('Work account is off.')
  further.drafts.push('second')

  endSession()
  expect(session.$state).toEqual({ state: 'out', user: null })
  expect(keys.tests).toEqual({})
  expect(toasts.toasts).toEqual([])
  expect(further.drafts).toEqual(['first'])
  // And goes on as a new one does.
  keys.setTest('pk_2', { busy: true, result: null, failure: null })
  expect(Object.keys(keys.tests)).toEqual(['pk_2'])
})
