// Who acts on teams and leases, as the audit log notes it.
export interface Actor {
  readonly userId: string
  readonly ip: string | null
}
