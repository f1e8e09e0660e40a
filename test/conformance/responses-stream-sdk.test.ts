// OpenAI's own SDK reads what the Responses codec writes: its stream helper checks identities, indexes and order on the
// way, and must end with the answer that was told.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openaiResponsesCodec as codec } from '../../server/protocols/openai-responses/codec.ts'
import { eventsOf } from '../../server/protocols/collect.ts'
import { clientsInstalled, loadOfficialClients } from '../support/official-clients.ts'
import { RUNS } from '../support/properties.ts'
import { answers } from '../support/responses-arbitraries.ts'
import { responseEncoding } from '../support/responses-codec.ts'

function clientFor(body: string, type: string): any {
  const { OpenAI } = loadOfficialClients()
  const fetch = async (): Promise<Response> => new Response(body, { headers: { 'content-type': type } })
  return new OpenAI({ apiKey: 'none', maxRetries: 0, fetch })
}

const ask = { model: 'm', input: 'Hi' }
const failure = {
  code: 'upstream_stream_cut',
  status: 502,
  origin: 'upstream',
  message: 'It broke off.',
  retryAfter: undefined,
  requestId: 'req_1',
} as const

describe.skipIf(!clientsInstalled)("OpenAI's SDK", () => {
  test('reads every streamed answer to its end, and ends with what the whole answer says', async () => {
    const property = fc.asyncProperty(answers, async (answer) => {
      const encoding = responseEncoding({ sealEnvelope: ({ value }) => value })
      const whole = codec.encodeResponse(answer, encoding)
      const encoder = codec.streamEncoder(encoding)
      const wire = [...eventsOf(answer)].map((event) => encoder.push(event)).join('')
      const final = await clientFor(wire, 'text/event-stream').responses.stream(ask).finalResponse()
      expect(plain(final.output)).toEqual(plain(whole['output']))
      expect(final.status).toBe(whole['status'])
      expect(final.usage).toEqual(whole['usage'])
      const read = await clientFor(JSON.stringify(whole), 'application/json').responses.create(ask)
      expect(read.output_text).toBe(final.output_text)
    })
    await fc.assert(property, RUNS)
  })

  test('hears of a failure in mid-stream', async () => {
    const property = fc.asyncProperty(answers, fc.nat(20), async (answer, before) => {
      const encoder = codec.streamEncoder(responseEncoding())
      const told = [...eventsOf(answer)].filter(({ type }) => type !== 'finish').slice(0, before)
      const wire = told.map((event) => encoder.push(event)).join('') + encoder.fail(failure)
      const types: string[] = []
      for await (const event of await clientFor(wire, 'text/event-stream').responses.create({ ...ask, stream: true })) {
        types.push(event.type)
      }
      expect(types.at(-1)).toBe('response.failed')
      const final = await clientFor(wire, 'text/event-stream').responses.stream(ask).finalResponse()
      expect(final).toMatchObject({ status: 'failed', error: { message: failure.message } })
    })
    await fc.assert(property, RUNS)
  })
})

/** The SDK adds `parsed` and the like to what it read. */
function plain(output: unknown): unknown {
  return JSON.parse(JSON.stringify(output, (key, value: unknown) => (key.startsWith('parsed') ? undefined : value)))
}
