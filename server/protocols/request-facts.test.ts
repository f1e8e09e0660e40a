// What a request brings is seen in every dialect, and not in what users merely pass around.
import { describe, expect, test } from 'vitest'
import { readRequestFacts } from './request-facts.ts'

const chat = (content: unknown) => ({
  messages: [
    { role: 'system', content: 'Be brief' },
    { role: 'user', content },
  ],
})

test.each([
  ['chat', chat([{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }])],
  ['responses', { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file-1' }] }] }],
  ['messages', chat([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: '' } }])],
  ['messages, in a result', chat([{ type: 'tool_result', content: [{ type: 'image', source: {} }] }])],
  ['gemini', { contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: '' } }] }] }],
  ['gemini in snake case', { contents: [{ parts: [{ file_data: { mime_type: 'image/webp' } }] }] }],
])('images: %s', (_name, body) => {
  expect(readRequestFacts(body).hasImages).toBe(true)
})

test.each([
  ['a word', chat('an image')],
  [
    'a call’s arguments',
    { messages: [{ role: 'assistant', content: [{ type: 'tool_use', input: { type: 'image' } }] }] },
  ],
  ['a document', { contents: [{ parts: [{ inlineData: { mimeType: 'application/pdf', data: '' } }] }] }],
])('no images: %s', (_name, body) => {
  expect(readRequestFacts(body).hasImages).toBe(false)
})

test('tools', () => {
  expect(readRequestFacts({ tools: [{}] }).hasTools).toBe(true)
  expect(readRequestFacts({ tools: [] }).hasTools).toBe(false)
  expect(readRequestFacts({}).hasTools).toBe(false)
})

describe('the first words', () => {
  test('are the same on every turn, and other for another beginning', () => {
    const first = chat('Hello')
    const later = {
      messages: [...first.messages, { role: 'assistant', content: 'Hi' }, { role: 'user', content: 'Go on' }],
    }
    expect(readRequestFacts(later).firstWords).toBe(readRequestFacts(first).firstWords)
    expect(readRequestFacts(chat('Hello!')).firstWords).not.toBe(readRequestFacts(first).firstWords)
    expect([readRequestFacts(first).isContinued, readRequestFacts(later).isContinued]).toEqual([false, true])
    expect(readRequestFacts({ contents: [{ role: 'model', parts: [] }] }).isContinued).toBe(true)
    expect(readRequestFacts({ input: 'Hello' }).firstWords).toBe('"Hello"')
  })
})

test('what cannot be read may name anything stored', () => {
  expect(readRequestFacts(undefined).namesStoredThings).toBe(true)
  expect(readRequestFacts({ previous_response_id: 'resp_1' }).namesStoredThings).toBe(true)
  expect(readRequestFacts(chat('Hello')).namesStoredThings).toBe(false)
})
