// The program may not start, for a reason the operator can act on: main prints the one line and exits with this code,
// and nothing has been changed.

/** EX_CONFIG of sysexits: supervisors do not restart on it. */
const EXIT_CONFIGURATION = 78

export class StartRefused extends Error {
  override readonly name = 'StartRefused'
  readonly exitCode: number

  constructor(message: string, exitCode: number = EXIT_CONFIGURATION) {
    super(message)
    this.exitCode = exitCode
  }
}
