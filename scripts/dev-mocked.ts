// `npm run dev:mocked`: UniRoute in front of a fake provider, with an administrator, a key per vendor and an API key,
// so that everything can be tried without an account anywhere. Nothing is kept: the data is gone when it ends.
import { createFakeKey } from '../test/fake-provider/fake-keys.ts'
import { startFakeProvider } from '../test/fake-provider/fake-provider.ts'
import { startUniRoute } from '../test/support/uniroute-process.ts'

// Known to everybody who reads this, and good for this throw-away server only.
const ADMIN = { email: 'dev@example.com', password: 'dev-mocked-password' }

const fake = await startFakeProvider({ port: Number(process.env['FAKE_PORT'] ?? 0) })
const serverKeys = {
  openai: createFakeKey('openai', 'operator'),
  anthropic: createFakeKey('anthropic', 'operator'),
  google: createFakeKey('google', 'operator'),
}
const uniroute = await startUniRoute({
  fake,
  serverKeys,
  adminAccount: ADMIN,
  env: { PORT: process.env['PORT'] ?? '8084', LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'info' },
})
uniroute.child.stderr?.pipe(process.stderr)

const token = await uniroute.login()
for (const vendor of ['openai', 'anthropic', 'google'] as const) {
  await uniroute.addProviderKey(token, vendor, createFakeKey(vendor, 'slow40'), { label: `Fake ${vendor}` })
}
const { key } = await uniroute.createApiKey(token, { name: 'dev:mocked' })

console.info(`
UniRoute        ${uniroute.url}    (sign in as ${ADMIN.email} / ${ADMIN.password})
Fake provider   ${fake.url}
API key         ${key}

OpenAI:
  curl -N ${uniroute.url}/v1/chat/completions -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\
    -d '{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hello"}]}'
Anthropic:
  curl ${uniroute.url}/v1/messages -H 'x-api-key: ${key}' -H 'anthropic-version: 2023-06-01' \\
    -H 'content-type: application/json' \\
    -d '{"model":"claude-sonnet-5","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}'
Gemini:
  curl ${uniroute.url}/v1beta/models/gemini-3.5-flash:generateContent -H 'x-goog-api-key: ${key}' \\
    -H 'content-type: application/json' -d '{"contents":[{"parts":[{"text":"hello"}]}]}'

A provider key such as sk-proj-invalid-1, sk-ant-api03-ratelimit30-1 or AIzadown503-1 makes the fake behave that way;
test/fake-provider/README.md lists the words. Ctrl-C ends both.`)

process.once('SIGINT', () => void uniroute.stop())
process.once('SIGTERM', () => void uniroute.stop())
uniroute.child.once('exit', () => {
  uniroute.remove()
  void fake.close()
})
