// Signing in with a provider (`/auth/oidc/…`): two of its addresses are pages that lead on.
import { z } from 'zod'

export const oidcBeginQuerySchema = z.strictObject({ next: z.string().max(2000).optional() })

/** As the provider sends it; openid-client reads it, not we. */
export const oidcCallbackQuerySchema = z.record(z.string(), z.string().max(8000))

export const oidcLinkSchema = z
  .object({
    /** Where the browser goes to prove the identity; it comes back to the profile. */
    url: z.string(),
  })
  .meta({ id: 'OidcLink' })
