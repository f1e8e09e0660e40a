// How one's requests choose: the strategy among several models, the reasons for which the server's keys may stand in,
// what they may still pay today, and what would happen to a request.
import type { User } from '../../../../contract/accounts.ts'
import type { FallbackPolicy } from '../../../../contract/common.ts'
import type { RouteExplanation, Simulate } from '../../../../contract/route.ts'
import type { FallbackView, RoutingBody, RoutingView } from '../../../../contract/routing.ts'
import { call } from './client.ts'

export const readRouting = (): Promise<RoutingView> => call('GET', 'admin/routing')
export const saveRouting = (body: RoutingBody): Promise<{ routing: RoutingView }> =>
  call('PUT', 'admin/routing', { body })
export const resetRouting = (): Promise<unknown> => call('DELETE', 'admin/routing')
export const readFallback = (): Promise<FallbackView> => call('GET', 'admin/fallback')
export const saveFallback = async (fallback: FallbackPolicy): Promise<User> =>
  (await call<{ user: User }>('PUT', 'auth/profile', { body: { fallback } })).user
/** Nothing is sent to anybody. */
export const explainRoute = (model: string, apiKey: string, simulate: Simulate): Promise<RouteExplanation> =>
  call('POST', 'admin/playground/v1/route/explain', {
    body: { model, messages: [{ role: 'user', content: 'Hello' }], simulate, ...(apiKey && { api_key: apiKey }) },
  })
