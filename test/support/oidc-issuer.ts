// A sign-in provider (OpenID Connect) that is a real HTTP server: discovery, keys, the token endpoint with PKCE and
// client authentication, and a person who says yes. What it signs can be bent, so that attacks can be tried.
import { hash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export type Claims = Record<string, unknown>

export interface OidcIssuer {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  /** Who says yes from now on. */
  person: Claims
  /** Bends the claims of the next ID tokens. */
  bend: (claims: Claims) => Claims
  /** rs256 with the published key; stranger: the same with a key of somebody else; none: unsigned. */
  signature: 'rs256' | 'stranger' | 'none'
  /** When the person last signed in at the provider, in milliseconds: days may pass, and it asks nobody again. */
  signedInAt: number
  /** Whether ID tokens say so: only where it was asked for, always, or never, as some providers do. */
  tellsWhen: 'asked' | 'always' | 'never'
  /** How often the token endpoint gave a token. */
  readonly issued: number
  /** Follows the way to the provider as a browser would; the query with which it comes back. */
  visit(location: string): Promise<string>
  close(): Promise<void>
}

interface Grant {
  readonly challenge: string
  readonly nonce: string
  readonly redirectUri: string
  /** Who was there. */
  readonly person: Claims
  /** In seconds, where the ID token says it. */
  readonly authTime: number | undefined
}

export async function startOidcIssuer(now: () => number = Date.now): Promise<OidcIssuer> {
  const [keys, strangers] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('RS256')])
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }
  const grants = new Map<string, Grant>()
  const [clientId, clientSecret] = ['uniroute-test', `oidc-${randomBytes(18).toString('base64url')}`]
  let issued = 0

  async function sign(claims: Claims): Promise<string> {
    if (issuer.signature === 'none') {
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${part({ alg: 'none' })}.${part(claims)}.`
    }
    const key = issuer.signature === 'stranger' ? strangers.privateKey : keys.privateKey
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(key)
  }

  async function exchange(request: IncomingMessage, body: URLSearchParams): Promise<[number, object]> {
    // Both halves are form-encoded (RFC 6749, 2.3.1).
    const basic = Buffer.from(request.headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString()
    if (decodeURIComponent(basic) !== `${clientId}:${clientSecret}`) return [401, { error: 'invalid_client' }]
    const code = body.get('code') ?? ''
    const grant = grants.get(code)
    grants.delete(code)
    const challenge = hash('sha256', body.get('code_verifier') ?? '', 'base64url')
    if (!grant || challenge !== grant.challenge || body.get('redirect_uri') !== grant.redirectUri) {
      return [400, { error: 'invalid_grant' }]
    }
    const seconds = Math.floor(now() / 1000)
    const times = { iat: seconds, exp: seconds + 300 }
    const told = grant.authTime === undefined ? {} : { auth_time: grant.authTime }
    const claims = { iss: issuer.url, aud: clientId, nonce: grant.nonce, ...times, ...told, ...grant.person }
    issued++
    const token = { access_token: 'an-access-token', token_type: 'Bearer' }
    return [200, { ...token, id_token: await sign(issuer.bend(claims)) }]
  }

  async function answer(request: IncomingMessage): Promise<[number, object]> {
    if (request.url === '/.well-known/openid-configuration') {
      return [
        200,
        {
          issuer: issuer.url,
          authorization_endpoint: `${issuer.url}/authorize`,
          token_endpoint: `${issuer.url}/token`,
          jwks_uri: `${issuer.url}/keys`,
          response_types_supported: ['code'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256', 'none'],
          code_challenge_methods_supported: ['S256'],
        },
      ]
    }
    if (request.url === '/keys') return [200, { keys: [jwk] }]
    if (request.url === '/token') {
      const chunks = (await request.toArray()) as Buffer[]
      return exchange(request, new URLSearchParams(Buffer.concat(chunks).toString()))
    }
    return [404, {}]
  }

  const server = createServer(async (request, response) => {
    // The person says yes at once.
    if (request.url?.startsWith('/authorize?') === true) {
      const back = new URL(request.url, issuer.url).searchParams.get('redirect_uri')!
      response.writeHead(302, { location: `${back}?${await issuer.visit(issuer.url + request.url)}` }).end()
      return
    }
    const [status, body] = await answer(request)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clientId,
    clientSecret,
    person: { sub: 'person-1', email: 'nora@example.org', email_verified: true, name: 'Nora' } as Claims,
    bend: (claims: Claims): Claims => claims,
    signature: 'rs256' as OidcIssuer['signature'],
    signedInAt: now(),
    tellsWhen: 'asked' as OidcIssuer['tellsWhen'],
    get issued() {
      return issued
    },
    async visit(location: string): Promise<string> {
      const asked = new URL(location).searchParams
      const code = randomBytes(16).toString('base64url')
      const isAsked = asked.has('max_age')
      // The person has to type their password there again, and does.
      if (asked.get('prompt') === 'login' || asked.get('max_age') === '0') issuer.signedInAt = now()
      const tells = issuer.tellsWhen === 'always' || (issuer.tellsWhen === 'asked' && isAsked)
      grants.set(code, {
        challenge: asked.get('code_challenge') ?? '',
        nonce: asked.get('nonce') ?? '',
        redirectUri: asked.get('redirect_uri') ?? '',
        person: issuer.person,
        authTime: tells ? Math.floor(issuer.signedInAt / 1000) : undefined,
      })
      return new URLSearchParams({ code, state: asked.get('state') ?? '' }).toString()
    },
    async close(): Promise<void> {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return issuer
}
