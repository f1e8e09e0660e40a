// What the dashboard must know of this installation: before anybody is signed in (`/auth/options`), and as a signed-in
// person (`/admin/installation`).
import { z } from 'zod'
import { FALLBACK_REASONS } from './common.ts'

export const signInOptionsSchema = z
  .object({
    /** off: the administrator comes from the environment. */
    setup: z.enum(['off', 'needed', 'done']),
    registration: z.enum(['closed', 'invite', 'open']),
    /** Does this server send mail? Without it, reset links come from an administrator. */
    mail: z.boolean(),
    password_min_length: z.int(),
    /** By which one can sign in as well (`GET /auth/oidc/begin`). */
    provider: z.object({ name: z.string() }).nullable(),
  })
  .meta({ id: 'SignInOptions' })
export type SignInOptions = z.infer<typeof signInOptionsSchema>

export const installationSchema = z
  .object({
    version: z.string(),
    /** The one source of links and of the addresses in snippets. */
    public_url: z.string(),
    providers: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        /** Public beginnings of its keys; for suggestions only. */
        key_prefixes: z.array(z.string()),
        takes_keys: z.boolean(),
        /** Has the operator a key of its own for it, or needs it none? */
        has_server_key: z.boolean(),
      }),
    ),
    /** May users add keys of provider `custom`, each with a base URL of its own? */
    user_base_urls: z.boolean(),
    /** Reasons for which server keys may serve; empty: never. */
    server_fallback: z.array(z.enum(FALLBACK_REASONS)),
    encryption: z.object({
      /** JWT_SECRET stands in for the master secret. */
      fallback: z.boolean(),
    }),
  })
  .meta({ id: 'Installation' })
export type Installation = z.infer<typeof installationSchema>
