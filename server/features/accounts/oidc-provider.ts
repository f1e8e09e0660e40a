// The sign-in provider as openid-client knows it: discovered, asked by code and PKCE, its answers checked.
// Invariants: the signature of an ID token is always checked against the provider's keys, though it came over TLS;
// issuer, audience, nonce, state and times are checked by the library; nothing of a token is kept or logged.
import type * as OpenId from 'openid-client'
import type { Config } from '../../config/config.ts'
import type { Clock } from '../../kernel/clock.ts'
import { revealSecret, type Secret } from '../../kernel/secret.ts'
import type { FetchThrough } from '../../upstream/fetch-through.ts'
import type { Attempt } from './oidc-attempt.ts'

export type OidcSettings = NonNullable<Config['oidc']>

/** What the provider says of a person, checked. */
export interface ProviderPerson {
  readonly issuer: string
  readonly subject: string
  readonly email: string | null
  readonly emailVerified: boolean
  readonly name: string | null
  /** null: roles are given here. */
  readonly isAdmin: boolean | null
  /** When they last showed there who they are, in milliseconds; null: the provider does not say. */
  readonly authenticatedAt: number | null
}

export interface OidcProvider {
  /** `again`: the provider is not to rely on a session that it has already. */
  begin(wish: {
    redirectUri: string
    again: boolean
  }): Promise<{ url: string; state: string; nonce: string; verifier: string }>
  /** `answer`: the address the browser came back to. Throws what the library throws. */
  finish(answer: URL, attempt: Attempt): Promise<ProviderPerson>
}

/** Keys and addresses of a provider change now and then. */
const REDISCOVER_MS = 3_600_000

export function createOidcProvider(options: {
  settings: OidcSettings
  fetch: FetchThrough
  clock: Clock
}): OidcProvider {
  const { settings, fetch, clock } = options
  let known: { config: OpenId.Configuration; until: number } | undefined

  async function discover(): Promise<{ client: typeof OpenId; config: OpenId.Configuration }> {
    // Only servers with a provider load the package.
    const client = await import('openid-client')
    if (known && clock.monotonic() < known.until) return { client, config: known.config }
    const issuer = new URL(settings.issuer)
    const insecure = issuer.protocol === 'http:' ? [client.allowInsecureRequests] : []
    const customFetch = fetch as OpenId.CustomFetch
    const found = await client.discovery(issuer, settings.clientId, undefined, client.None(), {
      [client.customFetch]: customFetch,
      execute: insecure,
    })
    const config = new client.Configuration(
      found.serverMetadata(),
      settings.clientId,
      undefined,
      chooseProof(client, found.serverMetadata(), settings.clientSecret),
    )
    config[client.customFetch] = customFetch
    for (const allow of [...insecure, client.enableNonRepudiationChecks]) allow(config)
    known = { config, until: clock.monotonic() + REDISCOVER_MS }
    return { client, config }
  }

  return {
    async begin({ redirectUri, again }) {
      const { client, config } = await discover()
      const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()]
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: settings.scopes,
        state,
        nonce,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        // With `max_age` a provider has to say when it was (OpenID Connect Core, 2 and 3.1.2.1).
        ...(again && { prompt: 'login', max_age: '0' }),
      })
      return { url: url.href, state, nonce, verifier }
    },

    async finish(answer, { state, nonce, verifier }) {
      const { client, config } = await discover()
      const tokens = await client.authorizationCodeGrant(config, answer, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      })
      const claims = tokens.claims()!
      const more =
        claims['email'] === undefined && config.serverMetadata().userinfo_endpoint !== undefined
          ? await client.fetchUserInfo(config, tokens.access_token, claims.sub)
          : {}
      return describePerson({ ...more, ...claims }, settings)
    },
  }
}

function chooseProof(client: typeof OpenId, server: OpenId.ServerMetadata, secret: Secret | null): OpenId.ClientAuth {
  if (secret === null) return client.None()
  const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  // Where a provider takes both: not all decode what Basic has to encode.
  const prove = methods.includes('client_secret_post') ? client.ClientSecretPost : client.ClientSecretBasic
  return prove(revealSecret(secret))
}

function describePerson(claims: Record<string, unknown>, settings: OidcSettings): ProviderPerson {
  const { iss, sub, email, email_verified: verified, name, auth_time: seconds } = claims
  return {
    issuer: String(iss),
    subject: String(sub),
    email: typeof email === 'string' ? email.trim().toLowerCase() : null,
    // Some providers write it as a text. Anything else, and nothing, is not verified.
    emailVerified: verified === true || verified === 'true',
    name: typeof name === 'string' && name.trim() !== '' ? name.trim().slice(0, 100) : null,
    isAdmin:
      settings.roleClaim === null
        ? null
        : readRoles(claims, settings.roleClaim).some((role) => settings.adminRoles.includes(role)),
    authenticatedAt: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null,
  }
}

/** A claim of that whole name, else the way down its dots. */
function readRoles(claims: Record<string, unknown>, path: string): string[] {
  const isGroup = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
  const below = path
    .split('.')
    .reduce<unknown>((value, name) => (isGroup(value) && Object.hasOwn(value, name) ? value[name] : undefined), claims)
  const found = Object.hasOwn(claims, path) ? claims[path] : below
  return [found].flat().filter((role) => typeof role === 'string')
}
