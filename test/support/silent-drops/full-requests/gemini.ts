// generateContent requests with everything their parts, tools and settings may hold, in both spellings.
import type { Json } from '../../cross-dialect.ts'
import { SCHEMA } from '../../request-fields/field.ts'

const SAID = { contents: [{ role: 'user', parts: [{ text: 'q' }] }] }
const OWN_SCHEMA = { type: 'OBJECT', properties: { x: { type: 'NUMBER' } } }
const config = (generationConfig: Json): Json => ({ ...SAID, generationConfig })

export const GEMINI: readonly Json[] = [
  {
    model: 'models/m',
    systemInstruction: { role: 'system', parts: [{ text: 'Be brief.' }] },
    contents: [
      {
        role: 'user',
        parts: [
          { text: 'q' },
          {
            inlineData: { mimeType: 'image/png', data: 'AAAA', displayName: 'a.png' },
            mediaResolution: { level: 'MEDIA_RESOLUTION_LOW' },
          },
          { inlineData: { mimeType: 'application/pdf', data: 'AAAA', displayName: 'a.pdf' } },
          { fileData: { mimeType: 'image/png', fileUri: 'https://example.com/a.png', displayName: 'b.png' } },
        ],
      },
      {
        role: 'model',
        parts: [
          { text: 'hm', thought: true, thoughtSignature: 'c2ln' },
          { text: 'a', thoughtSignature: 'c2ln' },
          { functionCall: { id: 'c1', name: 'f', args: { x: 1 }, willContinue: true }, thoughtSignature: 'c2ln' },
          { functionCall: { name: 'g', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          {
            functionResponse: {
              id: 'c1',
              name: 'f',
              response: { output: '42' },
              scheduling: 'WHEN_IDLE',
              parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA', displayName: 'c.png' } }],
            },
          },
          { functionResponse: { name: 'g', response: { error: 'no' } } },
        ],
      },
      {
        role: 'model',
        parts: [
          { executableCode: { language: 'PYTHON', code: '1' } },
          { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } },
          { text: 'done' },
        ],
      },
      { role: 'user', parts: [{ text: 'go on' }] },
    ],
    tools: [
      {
        functionDeclarations: [
          { name: 'f', description: 'd', parametersJsonSchema: SCHEMA, behavior: 'NON_BLOCKING', response: OWN_SCHEMA },
          { name: 'g', parameters: OWN_SCHEMA },
        ],
      },
    ],
    toolConfig: {
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f', 'g'] },
      retrievalConfig: { languageCode: 'en' },
    },
    generationConfig: {
      temperature: 0.5,
      topP: 0.9,
      topK: 5,
      maxOutputTokens: 3000,
      stopSequences: ['END'],
      seed: 7,
      responseMimeType: 'application/json',
      responseJsonSchema: SCHEMA,
      thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true },
      mediaResolution: 'MEDIA_RESOLUTION_LOW',
    },
    safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
    labels: { a: 'b' },
    serviceTier: 'flex',
  },
  // The other spelling, and one thing where a list may be.
  {
    system_instruction: 'Be brief.',
    contents: [
      { parts: { text: 'q' } },
      { role: 'model', parts: [{ function_call: { id: 'c1', name: 'f', args: {} }, thought_signature: 'c2ln' }] },
      { role: 'function', parts: [{ function_response: { id: 'c1', name: 'f', response: { a: 1 } } }] },
      'and?',
    ],
    tools: { function_declarations: [{ name: 'f', parameters_json_schema: SCHEMA }, { name: 'g' }] },
    tool_config: { function_calling_config: { mode: 'validated', allowed_function_names: ['f'] } },
    generation_config: {
      max_output_tokens: '3000',
      response_mime_type: 'application/json',
      response_schema: OWN_SCHEMA,
      thinking_config: { thinking_budget: 500 },
    },
  },
  {
    ...SAID,
    systemInstruction: {
      parts: [
        { text: 'This is our house style:' },
        { inlineData: { mimeType: 'image/png', data: 'AAAA', displayName: 'a.png' } },
        { fileData: { mimeType: 'application/pdf', fileUri: 'https://example.com/a.pdf' } },
      ],
    },
  },
  // A stand-in where a client had no signature.
  {
    contents: [
      { role: 'user', parts: [{ text: 'q' }] },
      {
        role: 'model',
        parts: [
          {
            functionCall: { id: 'c1', name: 'f', args: { x: 1 } },
            thoughtSignature: 'skip_thought_signature_validator',
          },
        ],
      },
      { role: 'user', parts: [{ functionResponse: { id: 'c1', name: 'f', response: { output: '42' } } }] },
    ],
    tools: [{ functionDeclarations: [{ name: 'f' }] }],
  },
  config({ thinkingConfig: { thinkingBudget: 500, includeThoughts: false } }),
  config({ thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true } }),
  config({ thinkingConfig: { thinkingBudget: -1 } }),
  config({ thinkingConfig: { thinkingBudget: 0 } }),
  config({ responseMimeType: 'text/plain' }),
  config({ responseMimeType: 'application/json', responseSchema: OWN_SCHEMA }),
  config({ responseJsonSchema: SCHEMA }),
  config({ logprobs: 3, responseLogprobs: true, responseModalities: ['TEXT'] }),
  config({ logprobs: 3 }),
  {
    ...SAID,
    tools: [
      { googleSearch: { timeRangeFilter: { startTime: '2026-01-01T00:00:00Z' } } },
      { codeExecution: {} },
      { functionDeclarations: [{ name: 'f' }] },
    ],
  },
  { contents: [{ role: 'user', parts: [{ text: 'q', videoMetadata: { fps: 1 } }, { odd: { x: 1 } }] }] },
  {
    ...SAID,
    tools: [{ googleSearch: {} }, { functionDeclarations: [{ name: 'f' }, { name: 'g' }, { name: 'h' }] }],
    toolConfig: { functionCallingConfig: { mode: 'VALIDATED', allowedFunctionNames: ['f', 'g'] } },
  },
]
