// The table of failures.
import { CLIENT_FAULTS } from './client-faults.ts'
import type { FaultCase } from './fault-case.ts'
import { PROVIDER_FAULTS } from './provider-faults.ts'
import { STORAGE_FAULTS } from './storage-faults.ts'

export const FAULT_CASES: readonly FaultCase[] = [...PROVIDER_FAULTS, ...CLIENT_FAULTS, ...STORAGE_FAULTS].toSorted(
  (a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)),
)
