// The server's own keys as administrators see them: by their ends, and by what a free test says.
import { expect, test } from 'vitest'
import { providerKeyTestSchema } from '../../../contract/provider-keys.ts'
import { serverKeyListSchema } from '../../../contract/server-keys.ts'
import { Secret } from '../../kernel/secret.ts'
import { createServerKeyRoutes } from './server-keys-routes.ts'

const KEY = 'sk-proj-0123456789CANARYabcd'

function open(key = KEY) {
  const tested: Secret[] = []
  const [list, check] = createServerKeyRoutes({
    providers: {
      all: [
        { id: 'openai', name: 'OpenAI' },
        { id: 'google', name: 'Google' },
        { id: 'ollama', name: 'Ollama' },
      ],
      serverKey: (id) => (id === 'openai' ? new Secret(key) : undefined),
      hasServer: (id) => id !== 'google',
      findKeyPrefix: () => 'sk-proj-',
    },
    variables: { openai: 'OPENAI_API_KEY', google: 'GOOGLE_API_KEY' },
    testKey: async ({ key: given }) => {
      tested.push(given)
      return { valid: true, status: 'active', latencyMs: 12, message: 'accepted' }
    },
  })
  return {
    list: () => list!.handle({} as never),
    check: (provider: string) => check!.handle({ params: { provider } } as never),
    tested,
  }
}

test('a key is told by its beginning and its end, and by the variable it comes from', async () => {
  const { body } = (await open().list()) as { body: unknown }
  const { keys } = serverKeyListSchema.parse(body)
  expect(keys).toEqual([
    {
      provider: 'openai',
      name: 'OpenAI',
      variable: 'OPENAI_API_KEY',
      is_set: true,
      serves: true,
      prefix: 'sk-proj-',
      last4: 'abcd',
    },
    {
      provider: 'google',
      name: 'Google',
      variable: 'GOOGLE_API_KEY',
      is_set: false,
      serves: false,
      prefix: '',
      last4: '',
    },
    { provider: 'ollama', name: 'Ollama', variable: null, is_set: false, serves: true, prefix: '', last4: '' },
  ])
  expect(JSON.stringify(body)).not.toContain('CANARY')
})

test('a short key shows nothing of its end', async () => {
  const { body } = (await open('fifteen-letters').list()) as { body: unknown }
  expect(serverKeyListSchema.parse(body).keys[0]!.last4).toBe('')
})

test('a test says what the provider said; without a key there is nothing to test', async () => {
  const { check, tested } = open()
  const { body } = (await check('openai')) as { body: unknown }
  expect(providerKeyTestSchema.parse(body)).toMatchObject({ valid: true, status: 'active', latency_ms: 12 })
  expect(tested).toHaveLength(1)
  await expect(check('google')).rejects.toMatchObject({ code: 'not_found' })
})
