// The one chunk that UniRoute asked for and the client did not: it goes to the meter, every other byte to the client.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../test/support/properties.ts'
import { createUsageChunkFilter } from './usage-chunk-filter.ts'

const USAGE = '{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
const event = (data: string, newline = '\n'): string => `data: ${data}${newline}${newline}`

function filter(text: string, cuts: readonly number[] = []): { out: string; usageEvent: string } {
  const bytes = Buffer.from(text)
  const filter = createUsageChunkFilter()
  const out: Buffer[] = []
  const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
  edges.slice(1).forEach((end, index) => {
    // A copy: what was handed in may be written over once push has returned.
    const read = Buffer.from(bytes.subarray(edges[index], end))
    out.push(...filter.push(read).map((part) => Buffer.from(part)))
  })
  out.push(...filter.flush())
  return { out: Buffer.concat(out).toString(), usageEvent: filter.usageEvent }
}

const STAYS = [
  '{"choices":[{"delta":{"content":"hi"}}],"usage":null}',
  '{"choices":[],"usage":null}',
  '{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}',
  '{"choices":[{"delta":{}}],"usage":{"prompt_tokens":3}}',
  '{"choices":[{"delta":{"content":"\\"choices\\":[] \\"usage\\":{}"}}]}',
  '{"choices":[{"delta":{"content":"x","choices":[]}}],"usage":{"prompt_tokens":1}}',
  '{"x":{"choices":[]},"usage":{"prompt_tokens":1}}',
  '{"choices":[],"usage":',
  '[DONE]',
] as const

describe('what goes', () => {
  test.each(['\n', '\r\n', '\r'])('the chunk of usage without choices, with line ends %j', (newline) => {
    const text = [STAYS[0], USAGE, '[DONE]'].map((data) => event(data, newline)).join('')
    const { out, usageEvent } = filter(text)
    expect(out).toBe([STAYS[0], '[DONE]'].map((data) => event(data, newline)).join(''))
    expect(usageEvent).toBe(event(USAGE, newline))
  })

  test('spaces in its JSON do not save it', () => {
    const { out } = filter(event('{ "usage" : {"prompt_tokens": 1} , "choices" : [ ] }') + event('[DONE]'))
    expect(out).toBe(event('[DONE]'))
  })

  test.each(STAYS)('%s stays', (data) => {
    expect(filter(event(data))).toEqual({ out: event(data), usageEvent: '' })
  })

  test('an unfinished event at the end stays, the usage chunk too', () => {
    const text = `${event(STAYS[0])}data: ${USAGE}\n`
    expect(filter(text).out).toBe(text)
  })
})

describe('any split of the stream', () => {
  const comment = fc.constantFrom(': ping\n\n', ': OPENROUTER PROCESSING\n\n', 'event: x\ndata: {}\n\n')
  const other = fc.oneof(
    fc.constantFrom(...STAYS).map((data) => event(data)),
    comment,
    fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => event(JSON.stringify({ choices: [{ text }] }))),
  )

  test('takes the same chunk and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(other, { maxLength: 6 }),
        fc.array(other, { maxLength: 3 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(1_500), { maxLength: 12 }),
        (before, after, newline, cuts) => {
          const all = (parts: string[]): string => parts.join('').replaceAll('\n', newline)
          const usage = event(USAGE, newline)
          const { out, usageEvent } = filter(all(before) + usage + all(after), cuts)
          expect(out).toBe(all(before) + all(after))
          expect(usageEvent).toBe(usage)
        },
      ),
      RUNS,
    )
  })

  test.each(['\n', '\r\n', '\r'])(
    'behind an event too long to hold as well, cut anywhere near its end (%j)',
    (newline) => {
      const long = event(JSON.stringify({ choices: [{ text: 'x'.repeat(70_000) }] }), newline)
      const end = event('[DONE]', newline)
      const text = long + event(USAGE, newline) + end
      for (let cut = long.length - 8; cut < text.length; cut++) {
        for (const cuts of [[cut], [66_000, cut]]) {
          expect([cuts, filter(text, cuts).out === long + end]).toEqual([cuts, true])
        }
      }
    },
  )

  test('a long event is passed on before it is whole', () => {
    const waiting = createUsageChunkFilter()
    const passed = waiting.push(Buffer.from(`data: ${'x'.repeat(100_000)}`))
    expect(Buffer.concat([...passed]).length).toBe(100_006)
  })
})
