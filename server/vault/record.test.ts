// What is kept of a record serves that record's very fields and no others.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bindData, bindWrap, joinLengthPrefixed, type SealedRecord } from './record.ts'

const field = fc.constantFrom('a', 'b', 'ab', '')
const record: fc.Arbitrary<SealedRecord> = fc.record({
  ownerType: fc.constantFrom('user', 'system', 'team'),
  ownerId: field,
  provider: field,
  origin: field,
  recordId: field,
  keyVersion: fc.constantFrom(1, 2, 11),
})

test('bound bytes are those of the fields, whatever was bound before', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(field, record), { minLength: 10, maxLength: 100 }), (asked) => {
      for (const [kid, of] of asked) {
        const { ownerType, ownerId, provider, origin, recordId, keyVersion } = of
        const wrap = joinLengthPrefixed('UR1-WRAP', kid, ownerType, ownerId, recordId)
        const data = joinLengthPrefixed('UR1-DATA', ownerType, ownerId, provider, origin, recordId, `${keyVersion}`)
        for (const time of ['first', 'again']) {
          expect([time, bindWrap(kid, of)]).toEqual([time, wrap])
          expect([time, bindData({ ...of })]).toEqual([time, data])
        }
      }
    }),
  )
})
