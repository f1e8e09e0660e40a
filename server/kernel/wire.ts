// A way by which instances hear each other. What is said may be lost, and may arrive twice by several ways: whoever
// listens must get along with either.

export interface Wire {
  /** To all others on this way; perhaps to oneself as well. Never throws and never waits. */
  send(message: string): void
  hear(listener: (message: string) => void): void
  close(): void | Promise<void>
}
