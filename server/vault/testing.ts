// A record to seal a value under.
import type { SealedRecord } from './record.ts'

export const RECORD: SealedRecord = {
  ownerType: 'user',
  ownerId: '3f0c6b1e-8f5e-4c59-9d5e-2f7a1c0b9a11',
  provider: 'openai',
  origin: '',
  recordId: '01J8ZC4Q6T9V2X5B7N0M3K1H4G',
  keyVersion: 3,
}
