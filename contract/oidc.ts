// Signing in with a provider (`/auth/oidc/…`): two of its addresses are pages that lead on.
import { z } from 'zod'

export const oidcBeginQuerySchema = z.strictObject({ next: z.string().max(2000).optional() })

/** As the provider sends it; openid-client reads it, not we. */
export const oidcCallbackQuerySchema = z.record(z.string(), z.string().max(8000))

export const oidcProveBodySchema = z
  .strictObject({
    /** The page to come back to. */
    next: z.string().max(2000).optional(),
  })
  .meta({ id: 'OidcProveBody' })

export const oidcLinkSchema = z
  .object({
    /** Where the browser goes to prove the identity. */
    url: z.string(),
  })
  .meta({ id: 'OidcLink' })

/**
 * Why a sign-in at the provider opens nothing here (`?failed=` on the way back); the dashboard has a sentence for each.
 */
export type OidcFailure =
  | 'unavailable'
  | 'expired'
  | 'refused'
  | 'unverified'
  | 'linkable'
  | 'closed'
  | 'switched-off'
  | 'taken'
  | 'another'
  | 'stale'
