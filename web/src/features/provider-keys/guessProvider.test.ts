// The provider of a pasted key is suggested by the longest prefix; what can be no provider's key is refused.
import { expect, test } from 'vitest'
import { guessProvider, refuseKey } from './guessProvider.ts'

const provider = (id: string, key_prefixes: string[], takes_keys = true) => ({
  id,
  name: id,
  key_prefixes,
  takes_keys,
  has_server_key: false,
})
const providers = [
  provider('openai', ['sk-', 'sk-proj-']),
  provider('anthropic', ['sk-ant-', 'sk-ant-api03-']),
  provider('ollama', ['sk-ant-api03-x'], false),
]

test('the longest prefix decides, among providers that take keys', () => {
  expect(guessProvider('sk-ant-api03-xyz', providers)).toBe('anthropic')
  expect(guessProvider('sk-xyz', providers)).toBe('openai')
  expect(guessProvider('zzz', providers)).toBeNull()
})

test('a UniRoute key and an admin key are no provider keys', () => {
  expect([refuseKey('ur_abc'), refuseKey('sk-ant-admin01-a'), refuseKey('sk-admin-a'), refuseKey('sk-a')]).toEqual([
    'own',
    'admin',
    'admin',
    null,
  ])
})
