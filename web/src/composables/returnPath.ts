// Where somebody goes back to after signing in.

/** A path within the dashboard, and nothing else: `//elsewhere` and full addresses are not followed. */
export function safeReturnPath(shown: unknown): string {
  return typeof shown === 'string' && /^\/(?![/\\])/.test(shown) ? shown : '/'
}
