// A key pasted where a model's name belongs: refused before the name stands in a row, a log line or an answer.
import type { RouteMatch } from '../http/route.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { Providers } from '../providers/registry.ts'

interface Tools {
  readonly providers: Pick<Providers, 'looksLikeKey'>
}

/** Throws bad_request for a name that begins as keys do. */
export function refuseKeyAsModel({ providers }: Tools, name: string): void {
  if (!providers.looksLikeKey(name)) return
  throw new GatewayError('bad_request', {
    message:
      'What stands in place of the model looks like a key. Name a model there and send keys in their header only; replace this one if others may have seen it.',
  })
}

/** The model that an address names, for the request's row; null where it names none, or something like a key. */
export function modelInPath({ providers }: Tools, match: RouteMatch): string | null {
  const name = match.params['model'] ?? null
  return name === null || providers.looksLikeKey(name) ? null : name
}
