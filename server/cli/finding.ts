// One line of `uniroute doctor`.
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly subject: string
  /** One sentence; of a warning or failure also what to do. */
  readonly message: string
}
