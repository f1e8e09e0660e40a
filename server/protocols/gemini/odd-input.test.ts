// Whatever clients and providers send, the codec reads it, or refuses it with a sentence; nothing else is thrown.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RUNS } from '../../../test/support/properties.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { collectEvents } from '../collect.ts'
import { decodeCountTokensRequest } from './count-tokens.ts'
import { BUDGET_PROFILE, codec, decodeStream, decodingOf, encodingOf, openEnvelope, PROFILE, sse } from './testing.ts'

const KEYS = [
  'contents role parts text thought thoughtSignature thought_signature inlineData fileData mimeType',
  'data fileUri functionCall functionResponse id name args response output error systemInstruction',
  'tools functionDeclarations parameters parametersJsonSchema googleSearch toolConfig',
  'functionCallingConfig mode allowedFunctionNames generationConfig stopSequences temperature',
  'thinkingConfig thinkingBudget thinkingLevel responseSchema responseMimeType type properties $ref',
  'candidates content finishReason index usageMetadata promptTokenCount groundingMetadata',
  'groundingChunks groundingSupports segment endIndex groundingChunkIndices web promptFeedback',
  'blockReason responseId createTime serviceTier candidateCount __proto__ constructor',
].flatMap((line) => line.split(' '))
const WORDS = [
  'model',
  'user',
  'a',
  '',
  'STOP',
  'ANY',
  'object',
  '#',
  'image/png',
  'AAAA',
  'dXJzMS57',
  'urs1.{',
  'constructor',
]

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 7, withCrossShrink: true },
    fc.oneof(fc.constantFrom<unknown>(...WORDS), fc.integer({ min: -2, max: 9 }), fc.constantFrom(true, null, 1.5)),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 5 }),
  ),
}))

/** A body with the odd value at a place where it is looked at. */
const body = fc.tuple(fc.constantFrom(...KEYS.slice(0, 52)), value, value).map(([key, one, other]) => {
  const parts = [{ [key]: one }, other]
  return [
    { contents: one, [key]: other, tools: other, generationConfig: { [key]: one } },
    { contents: [{ role: 'model', parts }, { parts }], tools: [one], generationConfig: other, toolConfig: one },
    { candidates: [{ content: { parts }, [key]: other, groundingMetadata: one }], usageMetadata: other },
  ] as const
})

const open = (text: string): ReturnType<typeof openEnvelope> => (text.length > 6 ? openEnvelope(text) : null)

test('requests are read or refused, and what is read can be written', () => {
  fc.assert(
    fc.property(body, ([first, second]) => {
      for (const asked of [first, second, { generateContentRequest: second }]) {
        try {
          const losses = createLossReport()
          const request = decodeCountTokensRequest(asked, { model: 'm', openEnvelope: open, losses })
          for (const profile of [PROFILE, BUDGET_PROFILE]) {
            JSON.stringify(codec.encodeRequest(request, encodingOf({ profile })).body)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(CannotCross)
        }
      }
    }),
    RUNS,
  )
})

test('answers are read, whole and in a stream alike', () => {
  fc.assert(
    fc.property(body, ([, , answer]) => {
      const whole = codec.decodeResponse(answer, decodingOf())
      const events = decodeStream(sse(answer))
      if (events.at(-1)?.type === 'finish') expect(collectEvents(events)).toEqual(whole)
    }),
    RUNS,
  )
})
