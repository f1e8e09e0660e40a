// Bound fields: how long they may be, and how many records' bytes are kept.
import { expect, test } from 'vitest'
import { bindData, bindWrap, joinLengthPrefixed, type SealedRecord } from './record.ts'

test('a field has 65535 bytes at most, each of them', () => {
  expect(joinLengthPrefixed('x'.repeat(0xffff))).toHaveLength(0xffff + 2)
  const tooLong = new RangeError('a bound field is longer than 65535 bytes')
  expect(() => joinLengthPrefixed('x'.repeat(0x10000))).toThrow(tooLong)
  expect(() => joinLengthPrefixed('short', 'é'.repeat(0x8000))).toThrow(tooLong)
})

const recordOf = (recordId: string): SealedRecord => ({
  ownerType: 'user',
  ownerId: 'a',
  provider: 'openai',
  origin: '',
  recordId,
  keyVersion: 1,
})

test.each([
  ['of values', (id: string) => bindData(recordOf(id))],
  ['of wraps', (id: string) => bindWrap('kid', recordOf(id))],
])('the bytes of 4096 records are kept, %s, and one more begins anew', (_name, bind) => {
  const first = bind('0')
  for (let count = 1; count < 4_096; count++) bind(String(count))
  expect(bind('0')).toBe(first)
  bind('4096')
  const again = bind('0')
  expect(again).not.toBe(first)
  expect(again).toEqual(first)
})
