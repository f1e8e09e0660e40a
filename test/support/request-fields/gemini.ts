// The fields of a generateContent request.
import type { Json } from '../cross-dialect.ts'
import { inside, plain, SCHEMA, type RequestField } from './field.ts'

const DECLARED = { functionDeclarations: [{ name: 'f', parametersJsonSchema: SCHEMA }] }
const contents = (...parts: unknown[]): Json => ({ contents: [{ role: 'user', parts }] })
const INLINE = { inlineData: { mimeType: 'image/png', data: 'AAAA' } }

export const GEMINI: readonly RequestField[] = [
  ...plain({
    contents: [[{ role: 'user', parts: [{ text: 'another text' }] }]],
    systemInstruction: [{ parts: [{ text: 'Be brief.' }] }],
    tools: [[DECLARED]],
    safetySettings: [[{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }], 'safety_settings'],
    cachedContent: ['cachedContents/1'],
    labels: [{ a: 'b' }, 'labels'],
    modelArmorConfig: [{ promptTemplateName: 't' }, 'model_armor_config'],
    serviceTier: ['flex', 'tier'],
    store: [true, 'store'],
    neverHeardOf: [1, 'other_fields'],
  }),
  {
    name: 'toolConfig',
    with: { tools: [DECLARED], toolConfig: { functionCallingConfig: { mode: 'ANY' } } },
    beside: { tools: [DECLARED] },
    losses: ['thinking'],
  },
  ...inside(
    'toolConfig',
    {
      retrievalConfig: [{ languageCode: 'en' }, 'tool_config'],
      includeServerSideToolInvocations: [true, 'tool_config'],
    },
    { beside: { tools: [DECLARED] } },
  ),
  { name: 'generationConfig', with: { generationConfig: { temperature: 0.5 } }, losses: ['temperature'] },
  ...inside('generationConfig', {
    topP: [0.97, 'top_p'],
    topK: [5, 'top_k'],
    candidateCount: [2],
    maxOutputTokens: [300, 'max_tokens'],
    stopSequences: [['END'], 'stop'],
    presencePenalty: [0.5, 'presence_penalty'],
    frequencyPenalty: [0.5, 'frequency_penalty'],
    seed: [7, 'seed'],
    responseLogprobs: [true, 'logprobs'],
    responseMimeType: ['application/json', 'response_format'],
    responseModalities: [['TEXT', 'IMAGE']],
    thinkingConfig: [{ thinkingLevel: 'HIGH' }, 'effort', 'thinking', 'thinking_budget'],
    speechConfig: [{ voiceConfig: {} }, 'media'],
    imageConfig: [{ aspectRatio: '1:1' }, 'media'],
    mediaResolution: ['MEDIA_RESOLUTION_LOW', 'media_resolution'],
    audioTimestamp: [true, 'audio_timestamp'],
    enableEnhancedCivicAnswers: [true, 'other_fields'],
    routingConfig: [{ autoMode: {} }, 'other_fields'],
  }),
  ...inside(
    'generationConfig',
    { responseSchema: [{ type: 'OBJECT', properties: { x: { type: 'NUMBER' } } }, 'response_format'] },
    { held: { responseMimeType: 'application/json' } },
  ),
  ...inside(
    'generationConfig',
    { responseJsonSchema: [SCHEMA, 'response_format'] },
    { held: { responseMimeType: 'application/json' } },
  ),
  {
    name: 'generationConfig.responseMimeType.enum',
    with: {
      generationConfig: { responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: ['a', 'b'] } },
    },
    losses: [],
  },
  {
    name: 'generationConfig.logprobs',
    with: { generationConfig: { responseLogprobs: true, logprobs: 3 } },
    losses: ['logprobs'],
  },
  {
    name: 'generationConfig.thinkingConfig.thinkingBudget',
    with: { generationConfig: { thinkingConfig: { thinkingBudget: 3000 } } },
    losses: ['effort', 'thinking', 'thinking_budget'],
  },
  {
    name: 'tools.response',
    with: { tools: [{ functionDeclarations: [{ ...DECLARED.functionDeclarations[0], behavior: 'NON_BLOCKING' }] }] },
    beside: { tools: [DECLARED] },
    losses: ['tool_fields'],
  },
  {
    name: 'tools.googleSearch',
    with: { tools: [DECLARED, { googleSearch: {} }] },
    beside: { tools: [DECLARED] },
    losses: ['web_search'],
  },
  {
    name: 'tools.googleSearch.timeRangeFilter',
    with: { tools: [{ googleSearch: { timeRangeFilter: { startTime: '2026-01-01T00:00:00Z' } } }] },
    beside: { tools: [{ googleSearch: {} }] },
    losses: ['web_search'],
  },
  {
    name: 'tools.codeExecution',
    with: { tools: [DECLARED, { codeExecution: {} }] },
    beside: { tools: [DECLARED] },
    losses: ['builtin_tools'],
  },
  {
    name: 'contents.mediaResolution',
    with: contents({ ...INLINE, mediaResolution: { level: 'MEDIA_RESOLUTION_LOW' } }),
    beside: contents(INLINE),
    losses: ['media_resolution'],
  },
  {
    name: 'contents.videoMetadata',
    with: contents({ text: 'q', videoMetadata: { fps: 1 } }),
    losses: ['video_metadata'],
  },
  {
    name: 'contents.fileData',
    with: contents({
      fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/1', mimeType: 'image/png' },
    }),
    losses: [],
  },
  { name: 'contents.unknown', with: contents({ text: 'q' }, { odd: { x: 1 } }), losses: ['provider_items'] },
]
