// A target: a process to start between the load and the fake provider. What is measured is its processor time, with
// that of all its threads and children.
import type { Scenario } from './scenario.ts'

export interface Target {
  readonly id: string
  readonly summary: string
  /** Of a scenario that asks for a translation; the others are given the same stream untranslated. */
  readonly translates?: boolean
  /** Its requests say the same in other bytes. */
  readonly rewrites?: boolean
  /** Why it cannot run on this machine, or this scenario, as a sentence; null when it can. */
  findObstacle?(scenario: Scenario): string | null
  start(setting: TargetSetting): Promise<RunningTarget>
}

export interface TargetSetting {
  readonly scenario: Scenario
  readonly upstreamPort: number
  /** Its own, empty, removed afterwards. */
  readonly folder: string
  /** What the provider must be sent; no other target's. */
  readonly providerKey: string
  /** Where to write a profile of the processor, for targets that can; null for none. */
  readonly profileFolder: string | null
}

export interface RunningTarget {
  readonly pid: number
  readonly port: number
  /** What clients send as `authorization`. */
  readonly credential: string
  /** What else clients send. */
  readonly headers?: Readonly<Record<string, string>>
  /** After the run: what its own books say about so many requests; null where they are right or it keeps none. */
  checkBooks?(requests: number): Promise<string | null>
  stop(): Promise<void>
}
