// `npm run dev:mocked` is what newcomers try first: it starts, prints a key, and the key works.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('it prints how to call it, that works, and it ends cleanly', async () => {
  const script = fileURLToPath(new URL('../../scripts/dev-mocked.ts', import.meta.url))
  const cwd = mkdtempSync(join(tmpdir(), 'dev-mocked-'))
  const env = { PATH: process.env['PATH'] ?? '', HOME: cwd, PORT: '0' }
  const child = spawn(process.execPath, [script], { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] })
  let printed = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    printed += chunk
    if (printed.includes('Ctrl-C')) break
  }
  const url = /UniRoute\s+(http:\S+)/.exec(printed)?.[1]
  const key = /API key\s+(ur_\S+)/.exec(printed)?.[1]
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
  })
  expect([answer.status, answer.headers.get('x-uniroute-billed-to')]).toEqual([200, 'user'])
  expect(await answer.text()).toContain('You said: hello')
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
  rmSync(cwd, { recursive: true, force: true })
})
