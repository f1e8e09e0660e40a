// A credential in a provider's own words: found in every spelling and any piece of it; masks and other keys pass.
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { Secret } from '../kernel/secret.ts'
import { chatStream } from '../protocols/openai-chat/stream.ts'
import { responsesStream } from '../protocols/openai-responses/stream.ts'
import { createCredentialScan, createStreamGuard } from './credential-scan.ts'

const PREFIXES = ['sk-', 'sk-proj-', 'sk-ant-', 'sk-ant-api03-', 'AIza', 'AQ.']
const KEY = 'sk-proj-Zq7/Xw2+Lm9_Rt4-Vb6Nc8Jd1Hf3Gs5KpYe0'
const scan = createCredentialScan(new Secret(KEY), PREFIXES)
const isClean = (text: string): boolean => scan.isClean(Buffer.from(text))

const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789']
const keyText = fc
  .tuple(
    fc.constantFrom('', ...PREFIXES),
    fc.string({ unit: fc.constantFrom(...letters, '-', '_', '/', '+', '.'), minLength: 24, maxLength: 120 }),
  )
  .map(([prefix, body]) => prefix + body)
const around = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('{"error":{"message":"', '…: ', '\n'),
)

type Spelling = (char: string, choice: number) => string
const asUnicode = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
const percent = (char: string): string => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`
const SPELLINGS: Record<string, Spelling> = {
  raw: (char) => char,
  json: (char, choice) =>
    [char === '/' ? '\\/' : char, asUnicode(char), asUnicode(char).toUpperCase().replace('U', 'u'), char][choice % 4]!,
  'json in json': (char, choice) => [char, `\\${asUnicode(char)}`, char === '/' ? '\\\\\\/' : char][choice % 3]!,
  url: (char, choice) => [char, percent(char), percent(char).toUpperCase()][choice % 3]!,
  'url twice': (char, choice) => [char, percent(char).replace('%', '%25')][choice % 2]!,
  'json and url': (char, choice) =>
    [char, asUnicode(char), percent(char), percent(char).replace('%', '\\u0025')][choice % 4]!,
}

describe('createCredentialScan', () => {
  test.each(Object.entries(SPELLINGS))('finds a key spelled %s, whatever stands around it', (_, spell) => {
    fc.assert(
      fc.property(keyText, around, around, fc.array(fc.nat(), { minLength: 1 }), (key, before, after, choices) => {
        const spelled = [...key].map((char, index) => spell(char, choices[index % choices.length]!)).join('')
        const text = `${before.replace(/\\+$/, '')} ${spelled} ${after}`
        const one = createCredentialScan(new Secret(key), PREFIXES)
        expect(one.isClean(Buffer.from(text))).toBe(false)
        expect(one.cleanHeader(text)).toBe(false)
      }),
      { numRuns: 200 },
    )
  })

  test.each(['base64', 'base64url'] as const)('finds a key in %s at any alignment', (encoding) => {
    fc.assert(
      fc.property(keyText, fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (key, before, after) => {
        const text = `Basic ${Buffer.from(before + key + after).toString(encoding)}`
        expect(createCredentialScan(new Secret(key), PREFIXES).cleanHeader(text)).toBe(false)
        const escaped = text.replaceAll('/', '\\/')
        expect(createCredentialScan(new Secret(key), PREFIXES).cleanHeader(escaped)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('finds any twelve characters in a row behind the prefix, and passes fewer', () => {
    const body = KEY.slice('sk-proj-'.length)
    for (let at = 0; at + 12 <= body.length; at++) {
      for (let shift = 0; shift < 7; shift++) {
        const left = ' '.repeat(shift)
        expect(isClean(`${left}${body.slice(at, at + 12)}…`)).toBe(false)
        expect(isClean(`${left}${body.slice(at, at + 11)}…`)).toBe(true)
        expect(isClean(Buffer.from(left + body.slice(at, at + 12)).toString('base64'))).toBe(false)
      }
    }
  })

  test('a key and an error made for each other cost no more than the length of the error', () => {
    const piece = (at: number): string => `abcdef${letters[26 + (at % 36)]}`
    const key = Array.from({ length: 570 }, (_, at) => piece(at)).join('')
    const made = createCredentialScan(new Secret(key))
    const error = Buffer.from('abcdef'.repeat(160_000))
    for (let round = 0; round < 4; round++) expect(made.isClean(error)).toBe(true)
    expect(made.isClean(Buffer.concat([error, Buffer.from(piece(7) + piece(8))]))).toBe(false)
  })

  test("passes the vendors' masks, of this key and of others, and another key", () => {
    const other = 'sk-proj-9aB8cD7eF6gH5iJ4kL3mN2oP1qR0sT'
    for (const text of [
      `Incorrect API key provided: sk-proj-${'*'.repeat(30)}pYe0. You can find your API key at …`,
      'Incorrect API key provided: sk-proj-****abcd.',
      'sk-proj-Zq7/…pYe0',
      '{"error":{"message":"invalid x-api-key"}}',
      '\\u0073k-proj-**** %73k-proj-',
      other,
      'The key begins with sk-ant-api03-',
    ]) {
      expect(isClean(text)).toBe(true)
    }
    const anthropic = createCredentialScan(new Secret('sk-ant-api03-Zq7Xw2Lm9Rt4Vb6Nc8Jd'), PREFIXES)
    expect(anthropic.cleanHeader('a key begins with sk-ant-api03-')).toBe(true)
  })

  test('random text passes', () => {
    fc.assert(
      fc.property(keyText, fc.string({ unit: 'binary', maxLength: 300 }), (key, text) => {
        expect(createCredentialScan(new Secret(key), PREFIXES).isClean(Buffer.from(text))).toBe(true)
      }),
    )
  })

  test('a key too short to be cut is looked for whole', () => {
    const short = createCredentialScan(new Secret('local-token'), [])
    expect(short.cleanHeader('bad token local\\u002dtoken')).toBe(false)
    expect(short.cleanHeader(Buffer.from('me:local-token').toString('base64'))).toBe(false)
    expect(short.cleanHeader('bad token local-')).toBe(true)
  })

  test("passes the vendors' usage objects, and finds a key in one wherever it stands", () => {
    const usage = '{"prompt_tokens":7,"completion_tokens_details":{"reasoning_tokens":0},"service_tier":"default"}'
    const places = [...usage].flatMap((char, at) => ('":{},'.includes(char) ? [at, at + 1] : []))
    fc.assert(
      fc.property(
        keyText,
        fc.constantFrom(...places),
        fc.constantFrom(...Object.values(SPELLINGS)),
        (key, at, spell) => {
          const one = createCredentialScan(new Secret(key), PREFIXES)
          expect(one.isClean(Buffer.from(usage))).toBe(true)
          const piece = [...key].map((char, index) => spell(char, index)).join('')
          expect(one.isClean(Buffer.from(usage.slice(0, at) + piece + usage.slice(at)))).toBe(false)
        },
      ),
    )
    const odd = createCredentialScan(new Secret('key:with,breaks{of "json" in it}'), [])
    expect(odd.isClean(Buffer.from('{"usage":"key:with,breaks{of"}'))).toBe(false)
  })

  test('without a credential everything is clean', () => {
    const none = createCredentialScan(null)
    expect(none.isClean(Buffer.from(KEY)) && none.cleanHeader(KEY)).toBe(true)
    expect(none.mayRelayEvent(chatStream, `data: {"error":{"message":"${KEY}"}}\n\n`)).toBe(true)
  })
})

describe('createStreamGuard', () => {
  const ordinary = [
    'data: {"choices":[{"delta":{"content":"the error failed"}}]}\n\n',
    ': ping\r\n\r\n',
    'data: {"choices":[]}\r\r',
    'event: x\r\ndata: {"choices":[{"delta":{"content":"é\\u0065"}}]}\r\n\r\n',
  ]
  const cutAt = (bytes: Buffer, points: readonly number[]): Buffer[] => {
    const edges = [...new Set([0, ...points.map((point) => point % bytes.length), bytes.length])].sort((a, b) => a - b)
    return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
  }
  const run = (chunks: readonly Buffer[], stream: typeof chatStream) => {
    const guard = createStreamGuard(scan, stream)
    const sent: Buffer[] = []
    for (const chunk of chunks) {
      const { bytes, leak } = guard.push(chunk)
      if (bytes) sent.push(bytes)
      if (leak) return { sent: Buffer.concat(sent).toString(), leak }
    }
    const { bytes, leak } = guard.flush()
    if (bytes) sent.push(bytes)
    return { sent: Buffer.concat(sent).toString(), leak }
  }

  test('what repeats no key goes on byte for byte, however it is cut', () => {
    const clean = 'data: {"error":{"message":"Incorrect key sk-proj-****pYe0"}}\n\n'
    const tails = ['', 'data: {"cut', 'data: [DONE]\n']
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...ordinary, clean)),
        fc.constantFrom(...tails),
        fc.array(fc.nat()),
        (events, tail, points) => {
          const text = `data: {}\n\n${events.join('')}${tail}`
          expect(run(cutAt(Buffer.from(text), points), chatStream)).toEqual({ sent: text, leak: false })
        },
      ),
    )
  })

  test('an error event that repeats the key stops the stream, and no part of it goes on', () => {
    const chat = `data: {"id":"x","error":{"message":"bad key ${KEY.replaceAll('/', '\\/')}"}}`
    const failed = `event: response.failed\ndata: {"type":"response.failed","response":{"error":{"message":"${KEY}"}}}`
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...ordinary)),
        fc.constantFrom([chat, chatStream] as const, [failed, responsesStream] as const),
        fc.constantFrom('\n\n', '\r\n\r\n', '\n\n: ping\n\n', ''),
        fc.array(fc.nat()),
        (events, [event, stream], end, points) => {
          const text = events.join('')
          const { sent, leak } = run(cutAt(Buffer.from(text + event + end), points), stream)
          expect(leak).toBe(true)
          expect(text.startsWith(sent.trimEnd())).toBe(true)
        },
      ),
    )
  })

  test('the content of an answer is not looked through', () => {
    const text = `data: {"choices":[{"delta":{"content":"${KEY} error"}}]}\n\n`
    expect(run([Buffer.from(text)], chatStream)).toEqual({ sent: text, leak: false })
  })

  test('an event too long to be an error is not held', () => {
    const guard = createStreamGuard(scan, chatStream)
    const long = Buffer.from(`data: ${'x'.repeat(70_000)}`)
    expect(guard.push(long).bytes?.length).toBe(long.length)
  })
})

describe('what is found, to the last character', () => {
  const cleanWith = (key: string, text: string): boolean =>
    createCredentialScan(new Secret(key), PREFIXES).isClean(Buffer.from(text))
  const LONG = 'sk-ABCDEFghijkl0123456789mnop'
  const base64 = (text: string, offset: number): string =>
    Buffer.from('!'.repeat(offset) + text + '!!!').toString('base64')

  test('twelve characters in a row are too many, eleven are not, wherever they stand in both', () => {
    const body = LONG.slice('sk-'.length)
    for (let from = 0; from + 12 <= body.length; from++) {
      for (let before = 0; before < 7; before++) {
        const [pad, behind] = ['y'.repeat(before), before % 2 === 0 ? '' : 'zzz']
        expect([from, before, cleanWith(LONG, pad + body.slice(from, from + 12) + behind)]).toEqual([
          from,
          before,
          false,
        ])
        expect([from, before, cleanWith(LONG, pad + body.slice(from, from + 11) + behind)]).toEqual([
          from,
          before,
          true,
        ])
      }
    }
  })

  test('a piece is found where half of it stands in the key twice', () => {
    expect(cleanWith('sk-ABCDEFghijkl--------DEFghiqqqq', 'xxxABCDEFghijklx')).toBe(false)
  })

  test('a key that holds what looks like an escape is found as it is', () => {
    for (const key of ['sk-abcdefgh%41ijklmn%42opq', 'sk-abcdefg\\u0041hijklm\\u0042opq'])
      expect(cleanWith(key, key)).toBe(false)
  })

  test('base64 of the other alphabet is found, at each alignment', () => {
    const key = 'sk->>>???~~~>?>?>?~~~>>>???'
    for (const offset of [0, 1, 2]) {
      const text = base64(key, offset).replaceAll('+', '-').replaceAll('/', '_')
      expect(text).toMatch(/-/)
      expect(text).toMatch(/_/)
      expect(cleanWith(key, text)).toBe(false)
    }
  })

  test('base64 of a key beyond ASCII is found', () => {
    const key = 'sk-éèàùâêîôûéèàùâêîôû'
    for (const offset of [0, 1, 2]) expect(cleanWith(key, base64(key, offset))).toBe(false)
  })

  test('a short key is looked for whole, also in base64 at each alignment', () => {
    for (const key of ['sk-abcdef', 'sk-abcdefghij', 'abcdefgh']) {
      for (const offset of [0, 1, 2])
        expect([key, offset, cleanWith(key, base64(key, offset))]).toEqual([key, offset, false])
      expect(cleanWith(key, `x${key}x`)).toBe(false)
      expect(cleanWith(key, `x${key.slice(0, -1)}x`)).toBe(true)
    }
  })

  test('eight characters of base64 are the fewest that say anything', () => {
    expect(cleanWith('abcdef', 'YWJjZGVm')).toBe(false)
    expect(cleanWith('abcd', 'YWJjZGVm')).toBe(true)
  })

  test('without a key, or with an empty one, everything is clean', () => {
    expect(cleanWith('', 'anything')).toBe(true)
    const none = createCredentialScan(null)
    expect([none.isClean(Buffer.from(KEY)), none.cleanHeader(KEY), none.mayRelayEvent(chatStream, KEY)]).toEqual([
      true,
      true,
      true,
    ])
  })
})

describe('what a guard lets go, and when', () => {
  const leak = `data: {"error":{"message":"${KEY}"}}`
  const open = () => createStreamGuard(scan, chatStream)
  const text = ({ bytes, leak: leaks }: { bytes: Buffer | null; leak: boolean }) => [bytes?.toString() ?? null, leaks]

  test.each(['\n\n', '\r\n\r\n', '\r\r'])('whole events at once and half ones not yet, at line ends %j', (end) => {
    const guard = open()
    expect(text(guard.push(Buffer.from(`data: 1${end}data: error 2${end}data`)))).toEqual([
      `data: 1${end}data: error 2${end}`,
      false,
    ])
    expect(text(guard.push(Buffer.from(': 3')))).toEqual([null, false])
    expect(text(guard.push(Buffer.from(`4${end}`)))).toEqual([`data: 34${end}`, false])
    expect(text(guard.flush())).toEqual([null, false])
  })

  test.each(['\n\n', '\r\n\r\n', '\r\r'])('what stood before a leak in the same read, at line ends %j', (end) => {
    expect(text(open().push(Buffer.from(`data: 1${end}${leak}${end}data: 2${end}`)))).toEqual([`data: 1${end}`, true])
    expect(text(open().push(Buffer.from(`${leak}${end}`)))).toEqual([null, true])
  })

  test('a leak that nothing ends, at the end of the stream', () => {
    const guard = open()
    expect(text(guard.push(Buffer.from(`data: 1\n\n${leak}`)))).toEqual(['data: 1\n\n', false])
    expect(text(guard.flush())).toEqual([null, true])
    expect(text(guard.flush())).toEqual([null, false])
  })

  test('64 KB of an event are held, one byte more goes on, and what follows in it as it comes', () => {
    const held = open()
    expect(text(held.push(Buffer.from('x'.repeat(65_536))))).toEqual([null, false])
    const guard = open()
    expect(guard.push(Buffer.from(`data: 1\n\n${'x'.repeat(65_537)}`)).bytes).toHaveLength(65_546)
    expect(text(guard.push(Buffer.from('more')))).toEqual(['more', false])
    expect(text(guard.push(Buffer.from('end\n\nnext')))).toEqual(['end\n\n', false])
    expect(text(guard.push(Buffer.from(' one\n\n')))).toEqual(['next one\n\n', false])
    expect(guard.push(Buffer.from('x'.repeat(65_537))).bytes).toHaveLength(65_537)
    expect(text(guard.push(Buffer.from('end\n\n')))).toEqual(['end\n\n', false])
    expect(text(guard.push(Buffer.from('half')))).toEqual([null, false])
  })

  test.each(['\n\n', '\r\n\r\n', '\r\r'])('a leak behind an event too long to hold, at line ends %j', (end) => {
    const long = `data: ${'x'.repeat(65_536)}`
    const between = `${end}data: 1${end}`
    const behind = Buffer.from(`xx${between}${leak}${end}data: 2${end}`)
    for (let cut = 0; cut <= behind.length; cut++) {
      const guard = open()
      expect(guard.push(Buffer.from(long)).bytes).toHaveLength(long.length)
      const parts = [guard.push(behind.subarray(0, cut))]
      if (!parts[0]!.leak) parts.push(guard.push(behind.subarray(cut)))
      const sent = parts.map(({ bytes }) => bytes?.toString() ?? '').join('')
      expect([cut, sent, parts.at(-1)!.leak]).toEqual([cut, `xx${between}`, true])
    }
  })

  test.each([
    ['that says so first', (words: string) => `data: {"error":{"message":"${words}"}}\n\n`],
    ['that says so last', (words: string) => `data: {"message":"${words}","error":{"code":"x"}}\n\n`],
  ])('a leak in an error too long to hold, %s, wherever key and reads stand', (_what, write) => {
    for (const before of [100, 65_000, 65_510, 200_000]) {
      const bytes = Buffer.from(
        `data: 1\n\n${write(`${'x '.repeat(before / 2)}${KEY}${' y'.repeat(60_000)}`)}data: 2\n\n`,
      )
      for (const size of [997, 16_384, 65_536, 1_000_000]) {
        const guard = open()
        let sent = ''
        let leaks = false
        for (let at = 0; at < bytes.length && !leaks; at += size) {
          const passed = guard.push(bytes.subarray(at, at + size))
          sent += passed.bytes?.toString() ?? ''
          leaks = passed.leak
        }
        expect([before, size, leaks, sent.startsWith('data: 1\n\n')]).toEqual([before, size, true, true])
        expect(isClean(sent)).toBe(true)
      }
    }
  })

  test('an event behind one too long to hold waits until it is whole', () => {
    const guard = open()
    guard.push(Buffer.from(`data: ${'x'.repeat(65_536)}\r\r`))
    expect(text(guard.push(Buffer.from('data')))).toEqual([null, false])
    expect(text(guard.push(Buffer.from(': 1\r\r')))).toEqual(['data: 1\r\r', false])
  })

  test('what is torn at the end of the stream, unless it repeats the key', () => {
    for (const [torn, leaks] of [
      ['data: {"error":{"message":"bad key', false],
      [`data: {"error":{"message":"bad key ${KEY}`, true],
    ] as const) {
      const guard = open()
      guard.push(Buffer.from(`data: 1\n\n${torn}`))
      expect(text(guard.flush())).toEqual([leaks ? null : torn, leaks])
    }
  })
})

describe('what counts as the beginning of a key', () => {
  const withPrefixes = (key: string, prefixes: readonly string[], text: string): boolean =>
    createCredentialScan(new Secret(key), prefixes).cleanHeader(text)

  test('twelve characters behind it are known without it, eleven only with it', () => {
    expect(withPrefixes('sk-ABCDEFghijkl', ['sk-'], 'x ABCDEFghijkl x')).toBe(false)
    expect(withPrefixes('sk-ABCDEFghijk', ['sk-'], 'x ABCDEFghijk x')).toBe(true)
    expect(withPrefixes('sk-ABCDEFghijk', ['sk-'], 'x sk-ABCDEFghijk x')).toBe(false)
  })

  test('is the longest that fits, in whatever order they are told, and none that does not', () => {
    const key = 'sk-proj-ABCDEFghijklmnop'
    for (const prefixes of [
      ['sk-', 'sk-proj-', 'sk-admin-longer-'],
      ['sk-admin-longer-', 'sk-proj-', 'sk-'],
    ]) {
      expect(withPrefixes(key, prefixes, 'x sk-proj-ABCDE x')).toBe(true)
      expect(withPrefixes(key, prefixes, 'x j-ABCDEFghijk x')).toBe(true)
      expect(withPrefixes(key, prefixes, 'x ABCDEFghijkl x')).toBe(false)
    }
    expect(withPrefixes(key, [], 'x sk-proj-ABCDE x')).toBe(false)
  })
})
