// What counts as reaching stored things, and what only looks like it.
import { describe, expect, test } from 'vitest'
import { isAccountModel, namesStoredThings } from './stored-references.ts'

describe('namesStoredThings', () => {
  test.each<[string, object]>([
    ['a stored item', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['a previous response', { previous_response_id: 'resp_1' }],
    ['a conversation, by id or object', { conversation: { id: 'conv_1' } }],
    ['a stored prompt', { prompt: { id: 'pmpt_1' } }],
    [
      'a file in a Responses message',
      { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }] },
    ],
    [
      'a file in a Chat message',
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }] },
    ],
    ['a vector store', { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }],
    ['a container, by id', { tools: [{ type: 'code_interpreter', container: 'cntr_1' }] }],
    [
      'files in a container',
      { tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: ['file-1'] } }] },
    ],
    [
      'an Anthropic file',
      { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'f' } }] }] },
    ],
    [
      'an upload to a container',
      { messages: [{ role: 'user', content: [{ type: 'container_upload', file_id: 'f' }] }] },
    ],
    [
      'a Gemini file',
      {
        contents: [
          { parts: [{ fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc' } }] },
        ],
      },
    ],
    ['the same in snake case', { contents: [{ parts: [{ file_data: { file_uri: 'files/abc' } }] }] }],
    ['a skill, at Anthropic', { container: { skills: [{ type: 'custom', skill_id: 'skill_1', version: 'latest' }] } }],
    [
      'a skill, at OpenAI',
      {
        tools: [
          {
            type: 'shell',
            environment: { type: 'container_auto', skills: [{ type: 'skill_reference', skill_id: 's' }] },
          },
        ],
      },
    ],
    ['a cache, in either spelling', { cached_content: 'cachedContents/1' }],
  ])('%s', (_what, body) => {
    expect(namesStoredThings(body)).toBe(true)
  })

  test.each<[string, object]>([
    [
      'a parameter of that name in a tool',
      { tools: [{ function: { parameters: { properties: { file_id: { type: 'string' } }, required: ['file_id'] } } }] },
    ],
    [
      'an argument of a call',
      { messages: [{ role: 'assistant', content: [{ type: 'tool_use', input: { file_id: 'mine' } }] }] },
    ],
    [
      'an argument of a Gemini call',
      { contents: [{ parts: [{ functionCall: { name: 'f', args: { file_id: 'mine' } } }] }] },
    ],
    ["a skill of Anthropic's own", { container: { skills: [{ type: 'anthropic', skill_id: 'pptx' }] } }],
    ['metadata', { metadata: { conversation: 'mine' } }],
    ['nothing given', { previous_response_id: null, conversation: null, container: { type: 'auto' } }],
    ['a video on the web', { contents: [{ parts: [{ fileData: { fileUri: 'https://www.youtube.com/watch?v=1' } }] }] }],
    ['text that speaks of it', { messages: [{ role: 'user', content: '"file_id": "file-1"' }] }],
  ])('not: %s', (_what, body) => {
    expect(namesStoredThings(body)).toBe(false)
  })

  test('tuned models are an account’s', () => {
    expect(['ft:gpt-4o:me::1', 'tunedModels/x', 'gpt-4o', 'gemini-2.5-pro'].map(isAccountModel)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})
