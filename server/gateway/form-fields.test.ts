// The model in a form, as senders write forms; and every form that two readers could take differently is irregular.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findFormModel } from './form-fields.ts'

const TYPE = 'multipart/form-data; boundary=b0'
const part = (head: string, body: string): string => `--b0\r\n${head}\r\n\r\n${body}\r\n`
const field = (name: string, value: string): string => part(`Content-Disposition: form-data; name="${name}"`, value)
const file = part('Content-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: x/y', '\0\r\n--b')
const END = '--b0--\r\n'
const scan = (text: string, type = TYPE) => findFormModel(Buffer.from(text, 'latin1'), type)

describe('a regular form', () => {
  test('shows its model and where that stands', () => {
    const text = field('prompt', 'x') + field('model', 'whisper-1') + file + END
    const { model, regular } = scan(text)
    expect([model?.text, regular]).toEqual(['whisper-1', true])
    expect(text.slice(model!.range.start, model!.range.end)).toBe('whisper-1')
  })

  test('may have none', () => {
    expect(scan(file + END)).toEqual({ model: null, regular: true })
  })

  test('is what the platform’s own FormData writes, whatever the file holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 20 }), async (bytes, prompt) => {
        const form = new FormData()
        form.append('prompt', prompt)
        form.append('file', new Blob([new Uint8Array(bytes)]), 'a "name".bin')
        form.append('model', 'gpt-image-1')
        const sent = new Response(form)
        const body = Buffer.from(await sent.arrayBuffer())
        const { model, regular } = findFormModel(body, sent.headers.get('content-type')!)
        expect([model?.text, regular]).toEqual(['gpt-image-1', true])
      }),
    )
  })
})

describe('an irregular form is not believed', () => {
  test.each([
    ['two models', field('model', 'a') + field('model', 'b') + END],
    ['a model beside a list of models', field('model', 'a') + field('model[]', 'b') + END],
    ['a name in other letters', field('Model', 'b') + END],
    ['an escaped name', field('mod%65l', 'b') + END],
    ['a name with a backslash', field('mod\\el', 'b') + END],
    ['a name without quotes', part('Content-Disposition: form-data; name=model', 'b') + END],
    ['two names', part('Content-Disposition: form-data; name="x"; name="model"', 'b') + END],
    [
      'another encoding',
      part('Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: base64', 'YQ==') + END,
    ],
    ['a folded head', part('Content-Disposition: form-data;\r\n name="model"', 'b') + END],
    ['a line end of half', part('Content-Type: a\nContent-Disposition: form-data; name="model"', 'b') + END],
    ['another kind of blank', part('Content-Disposition:\xa0form-data; name="model"', 'b') + END],
    ['no name at all', part('Content-Type: text/plain', 'b') + END],
    ['something before the first part', `x\r\n${field('model', 'a')}${END}`],
    ['something behind the last', `${field('model', 'a')}--b0--\r\n--b0\r\n${field('model', 'b')}`],
    ['no end', field('model', 'a')],
    ['a part without a blank line', '--b0\r\nContent-Disposition: form-data; name="model"\r\n--b0--\r\n'],
    ['bare line feeds', (field('model', 'a') + END).replaceAll('\r\n', '\n')],
    ['a name longer than any model’s', field('model', 'a'.repeat(300)) + END],
  ])('%s', (_what, text) => {
    expect(scan(text).regular).toBe(false)
  })

  test.each([
    'multipart/form-data',
    'multipart/mixed; boundary=b0',
    `${TYPE}; boundary=b1`,
    'multipart/form-data; boundary=',
  ])('the content type %s', (type) => {
    expect(scan(field('model', 'a') + END, type)).toEqual({ model: null, regular: false })
  })

  test('a head of a million blanks costs no more than its length', () => {
    const blanks = ' '.repeat(1_000_000)
    const typed = part(`Content-Disposition: form-data; name="file"\r\nContent-Type: a${blanks}b`, 'x')
    expect(scan(typed + field('model', 'a') + END).model?.text).toBe('a')
    expect(scan(part(`Content-Disposition: form-data;${blanks}name="model"`, 'x') + END).regular).toBe(false)
  })

  test('no bytes make it throw or run on', () => {
    const piece = fc.constantFrom(
      '--b0',
      '\r\n',
      '--',
      'Content-Disposition: form-data; name="model"',
      'x',
      '\r\n\r\n',
      '\0',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        expect(typeof scan(pieces.join('')).regular).toBe('boolean')
      }),
    )
  })
})
