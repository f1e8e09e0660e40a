// Whatever stands in a body, an answer or a chunk: nothing but a refusal is thrown, and nothing hangs.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RUNS } from '../../../test/support/properties.ts'
import { CannotCross } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import {
  codec,
  decode,
  decodeStream,
  decodingOf,
  encode,
  encodeStream,
  responseEncodingOf,
  type Json,
} from './testing.ts'

const NAMES =
  'messages role content type text image_url url file file_data input_audio data tool_calls function name arguments id ' +
  'tool_call_id custom input reasoning_details reasoning_content signature summary tools tool_choice functions ' +
  'function_call response_format json_schema schema stop reasoning thinking choices index message delta finish_reason ' +
  'input toString usage prompt_tokens annotations url_citation extra_content google thought_signature images logprobs cache_control'
const WORDS =
  'user assistant system tool function text image_url input_audio file tool_use tool_result thinking custom stop error'

const { body } = fc.letrec<{ value: unknown; body: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.oneof(
      fc.constantFrom(...WORDS.split(' ')),
      fc.constant(null),
      fc.constant('{}'),
      fc.integer(),
      fc.boolean(),
      fc.string(),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('body'),
  ),
  body: fc.dictionary(fc.constantFrom(...NAMES.split(' ')), tie('value'), { maxKeys: 6 }) as fc.Arbitrary<Json>,
}))

test('requests', () => {
  fc.assert(
    fc.property(
      body,
      fc.array(body, { maxLength: 3 }),
      fc.constantFrom('user', 'assistant', 'tool', 'system'),
      (body, messages, role) => {
        try {
          const request = decode({ ...body, messages: messages.map((message) => ({ ...message, role })) })
          JSON.stringify(encode(request).body)
        } catch (error) {
          expect(error).toBeInstanceOf(CannotCross)
        }
      },
    ),
    { numRuns: RUNS.numRuns * 4 },
  )
})

test('answers and chunks', () => {
  fc.assert(
    fc.property(body, fc.array(body, { maxLength: 4 }), (body, deltas) => {
      const answer = codec.decodeResponse(
        { ...body, choices: [{ index: 0, message: body, ...deltas[0] }] },
        decodingOf(),
      )
      JSON.stringify(codec.encodeResponse(answer, responseEncodingOf()))
      encodeStream(eventsOf(answer))
      const chunks = deltas.map((delta) => ({ ...body, choices: [{ index: 0, delta }] }))
      const wire = [...chunks, { choices: [{ finish_reason: 'stop' }] }].map(
        (chunk) => `data: ${JSON.stringify(chunk)}\n\n`,
      )
      collectEvents(decodeStream(wire.join('')))
    }),
    { numRuns: RUNS.numRuns * 4 },
  )
})
