// What a fetched file is taken for: its first bytes win, a server that lies about them is not believed.
import { expect, test } from 'vitest'
import { fitsKind, mediaKindOf, readMediaType } from './media-types.ts'

test.each([
  ['\x89PNG\r\n\x1a\n', 'text/plain', 'image/png'],
  ['\xff\xd8\xff\xe0', 'image/png', 'image/jpeg'],
  ['RIFF\x00\x00\x00\x00WEBPVP8 ', '', 'image/webp'],
  ['RIFF\x00\x00\x00\x00WAVEfmt ', '', 'audio/wav'],
  ['\x00\x00\x00\x18ftypM4A ', '', 'audio/mp4'],
  ['\x00\x00\x00\x18ftypisom', '', 'video/mp4'],
  ['%PDF-1.7', 'application/octet-stream', 'application/pdf'],
  ['<svg/>', 'image/svg+xml', 'image/svg+xml'],
  ['words', 'Text/Plain; charset=utf-8', 'text/plain'],
  [' <!DOCTYPE html>', 'image/png', 'text/html'],
  ['words', 'image/png', 'application/octet-stream'],
  ['words', '', 'application/octet-stream'],
])('%j as %j is %s', (head, said, type) => {
  expect(readMediaType(Buffer.from(head, 'latin1'), said)).toBe(type)
})

test.each([
  ['image', 'image/png', true],
  ['image', 'application/pdf', true],
  ['image', 'text/html', false],
  ['pdf', 'text/plain', true],
  ['pdf', 'text/html', false],
  ['audio', 'video/mp4', false],
  ['file', 'text/csv', true],
  ['file', 'application/octet-stream', false],
] as const)('where %s is asked for, %s serves: %s', (kind, type, serves) => {
  expect(fitsKind(kind, type)).toBe(serves)
})

test('the kind follows from the type', () => {
  const types = ['image/png', 'audio/wav', 'video/mp4', 'application/pdf', 'text/plain']
  expect(types.map(mediaKindOf)).toEqual(['image', 'audio', 'video', 'pdf', 'file'])
})
