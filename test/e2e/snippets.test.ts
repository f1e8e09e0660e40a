// What README and the documents tell people to type, run as it stands against a real server: only the address, the
// account and the keys are one's own. The clients' set-ups are run by newcomer.test.ts, deploy.md's by deploy.test.ts.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeAdminKey, createFakeKey, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const execute = promisify(execFile)
const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

/** The blocks of a document in one language. */
const blocksOf = (path: string, language: string): string[] =>
  [...read(path).matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map((found) => found[1]!)

let root: string
let fake: FakeProvider
let uniroute: UniRoute

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'uniroute-snippets-'))
  fake = await startFakeProvider()
  const [providers] = blocksOf('docs/configuration.md', 'json')
  const together = { id: 'together', name: 'Together', base_url: 'https://api.together.xyz/v1' }
  writeFileSync(join(root, 'providers.json'), JSON.stringify([...(JSON.parse(providers!) as object[]), together]))
  uniroute = await startUniRoute({ fake, env: { PROVIDERS_FILE: join(root, 'providers.json') } })
})
afterAll(async () => {
  await uniroute?.stop()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
  await fake?.close()
  rmSync(root, { recursive: true, force: true })
})

/** In a shell that ends at the first call that is refused. */
async function type(commands: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const { email, password } = uniroute.adminAccount
  const own = commands
    .replaceAll('http://localhost:8084', uniroute.url)
    .replaceAll('you@example.com', email)
    .replaceAll('your password', JSON.stringify(password).slice(1, -1))
  const prelude = 'set -eo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n'
  const env = { PATH: process.env['PATH'] ?? '', HOME: root, ...variables }
  const typed = execute('bash', ['-c', prelude + own], { cwd: root, env })
  const { stdout } = await typed.catch(({ stdout: said }: { stdout: string }) =>
    expect.fail(`a call was refused: ${said}`),
  )
  return stdout
}

test('README: the first request without a browser', async () => {
  const [first, second] = blocksOf('README.md', 'sh').filter((block) => block.includes('curl'))
  const said = await type(first!.replaceAll('sk-…', createFakeKey('openai')))
  const key = rememberSecret(/"key":"(ur_\w+)"/.exec(said)![1]!)
  const answer = await type(second!.replaceAll('ur_…', key))
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(answer).toMatch(/^x-uniroute-billed-to: user\r$/m)
  expect(answer).toMatch(/^x-uniroute-key: pk_/m)
})

test('models.md, rotation.md: what administrators ask for', async () => {
  const token = await uniroute.login()
  const [alias] = blocksOf('docs/models.md', 'sh')
  await type(alias!, { TOKEN: token })
  const kept = await uniroute.call('GET', '/admin/catalog/aliases/claude-via-gpt-5', { token })
  expect(kept.text).toContain('"openai/gpt-5"')
  const change = blocksOf('docs/rotation.md', 'sh').find((block) => block.includes('curl'))
  expect(await type(change!, { TOKEN: token })).toContain('"rotation"')
})

test('reconciliation.md: the ledger beside the count of the provider', async () => {
  const token = await uniroute.login()
  const [ask] = blocksOf('docs/reconciliation.md', 'sh')
  const adminKey = createFakeAdminKey('openai')
  const said = await type(ask!.replaceAll('sk-admin-…', adminKey), { TOKEN: token, UNIROUTE: uniroute.url })
  const [from] = /\d{4}-\d\d-\d\d/.exec(ask!)!
  const told = { provider: 'openai', from: `${from}T00:00:00.000Z`, total: { theirs: { requests: 0 } } }
  expect(JSON.parse(said)).toMatchObject(told)
  // It asked the provider, with that key.
  expect(fake.requestsOf(adminKey).length).toBeGreaterThan(0)
})

test('models.md, routing.md: the bodies that they show are taken', async () => {
  const token = await uniroute.login()
  const [override] = blocksOf('docs/models.md', 'json')
  const [, alias, rules] = blocksOf('docs/routing.md', 'json')
  for (const [path, json] of [
    ['/admin/catalog/overrides/openai/gpt-4o', override],
    ['/admin/aliases/fast', alias],
    ['/admin/routing', rules],
  ] as const) {
    const { status, text } = await uniroute.call('PUT', path, { token, body: JSON.parse(json!) })
    expect([path, status < 300 ? 'taken' : text]).toEqual([path, 'taken'])
  }
})
