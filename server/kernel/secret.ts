// A value that must never be printed: provider keys, passwords, tokens, master secrets.
// Invariant: no property, template, JSON, inspect or Error shows more than `[redacted]`; reading it takes the
// explicit call `revealSecret(secret)`, so every place that reads one can be found by one grep.
import { inspect } from 'node:util'

const REDACTED = '[redacted]'

export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  static reveal(secret: Secret): string {
    return secret.#value
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [Symbol.toPrimitive](): string {
    return REDACTED
  }

  [inspect.custom](): string {
    return REDACTED
  }
}

/** The text inside a secret. Keep the result in a local variable, for one call, and never in a closure or an error. */
export function revealSecret(secret: Secret): string {
  return Secret.reveal(secret)
}
