// The laws of the wire dialects, as far as they concern one that only clients speak.
import { proveLaws, provenBy } from '../../../test/support/laws.ts'

const BESIDE = 'server/protocols/uniroute-chat/uniroute-chat.test.ts'
const NOT_READ = { none: 'no provider speaks it: no answer in it is ever read or relayed' }

proveLaws('uniroute-chat', {
  1: { none: 'a stream of it is one text, without parts' },
  2: provenBy(BESIDE, 'a stream tells the text of the whole answer, whatever it is'),
  3: provenBy(BESIDE, 'every field the first version knew has its place'),
  4: NOT_READ,
  5: provenBy(BESIDE, 'what it has no place for is a loss, in a whole answer as in a stream'),
  6: NOT_READ,
  7: NOT_READ,
})
