import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { explainRequest, readWish } from './explain.ts'

const wishOf = (line: string) => {
  const wish = readWish(line.split(' '))
  if (typeof wish === 'string') throw new Error(wish)
  return wish
}

const ASKED = { model: 'claude-opus-5', max_tokens: 100, top_k: 5, messages: [{ role: 'user', content: 'hi' }] }

describe('explain', () => {
  test('shows the canonical form, what would be sent and what is lost', () => {
    const told = explainRequest(ASKED, wishOf('anthropic-messages openai-chat --server openai --model gpt-4.1'))
    expect(told).toMatchObject({
      canonical: { maxOutput: 100, sampling: { topK: 5 } },
      output: { model: 'gpt-4.1', max_completion_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
      losses: [{ path: 'top_k', action: 'dropped' }],
    })
  })

  test('shows why a request cannot cross', () => {
    const asked = { model: 'gpt-4.1', n: 2, messages: [{ role: 'user', content: 'hi' }] }
    const { refused } = explainRequest(asked, wishOf('openai-chat gemini'))
    expect(refused).toMatchObject({ code: 'unsupported_parameter', path: 'n' })
  })

  test.each([
    ['openai-chat', 'Usage:'],
    ['openai-chat nowhere', 'Usage:'],
    ['gemini uniroute-chat', 'Usage:'],
    ['openai-chat gemini more', 'Usage:'],
    ['openai-chat gemini --server nobody', 'No kind of server is called "nobody"'],
  ])('"%s" is answered with what can be asked', (line, answer) => {
    expect(readWish(line.split(' '))).toContain(answer)
  })

  test('is a program: JSON on standard output; 64 and a sentence where the input is no request', () => {
    const program = fileURLToPath(new URL('explain.ts', import.meta.url))
    const run = (input: string) => {
      const words = [program, 'uniroute-chat', 'anthropic-messages']
      return execFileSync(process.execPath, words, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
    }
    const told = JSON.parse(
      run(JSON.stringify({ model: 'claude-opus-5', messages: [{ role: 'user', content: 'hi' }] })),
    )
    expect(told).toMatchObject({ output: { max_tokens: 64_000, messages: [{ role: 'user', content: 'hi' }] } })
    expect(() => run('[]')).toThrow(
      expect.objectContaining({ status: 64, stderr: expect.stringContaining('one JSON') }),
    )
  })
})
