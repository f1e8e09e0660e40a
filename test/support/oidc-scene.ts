// Rooms of accounts with a sign-in provider that is a real HTTP server, and one browser that goes there and back.
import { afterEach } from 'vitest'
import { Secret } from '../../server/kernel/secret.ts'
import { type AccountRooms, type Answer, type RoomOptions, useAccountRooms } from './account-rooms.ts'
import type { OpenDatabase } from './databases.ts'
import { type OidcIssuer, startOidcIssuer } from './oidc-issuer.ts'

export interface OidcScene {
  readonly rooms: AccountRooms
  readonly issuer: OidcIssuer
}
type SceneOptions = RoomOptions & { readonly roles?: readonly string[] }

/** Starts a provider and rooms that know it; both end after each test of the file. */
export function useOidcScenes(): (open: OpenDatabase, options?: SceneOptions) => Promise<OidcScene> {
  const openRooms = useAccountRooms()
  const issuers: OidcIssuer[] = []
  afterEach(async () => {
    await Promise.all(issuers.splice(0).map((issuer) => issuer.close()))
  })
  return async (open, { roles = [], ...more } = {}) => {
    const issuer = await startOidcIssuer()
    issuers.push(issuer)
    const oidc = {
      issuer: issuer.url,
      clientId: issuer.clientId,
      clientSecret: new Secret(issuer.clientSecret),
      name: 'the test',
      scopes: 'openid email profile',
      roleClaim: roles.length > 0 ? 'realm_access.roles' : null,
      adminRoles: roles,
    }
    // The library looks at the clock of the machine, as does the provider.
    const clock = { now: () => Date.now(), monotonic: () => performance.now(), advance: () => undefined }
    const rooms = await openRooms(await open(), { clock, oidc, ...more })
    return { rooms, issuer }
  }
}

/** To the provider and back in one browser; `bring` bends what comes back. */
export async function signIn(
  { rooms, issuer }: OidcScene,
  bring: { query?: (query: string) => string; cookie?: string } = {},
): Promise<Answer & { way: URL; query: string; sent: string }> {
  const begun = await rooms.send('GET', '/auth/oidc/begin?next=%2Fusage')
  if (begun.status !== 303) throw new Error(`Sign-in at the provider began with ${begun.status}`)
  const sent = bring.cookie ?? begun.cookie!
  const back = await issuer.visit(begun.headers.get('location')!)
  const query = bring.query?.(back) ?? back
  const answer = await rooms.send('GET', `/auth/oidc/callback?${query}`, { cookie: sent })
  return { ...answer, way: new URL(answer.headers.get('location') ?? 'http://nowhere'), query, sent }
}

/** The refresh cookie of an answer; undefined: it began no session. */
export const refreshOf = (answer: Answer): string | undefined =>
  answer.headers
    .getSetCookie()
    .map((one) => one.split(';')[0]!)
    .find((one) => one.startsWith('uniroute_refresh=') && one.length > 20)
