// The data plane once more, under /admin/playground: the same pipeline, but a signed-in person calls, without an API
// key and under the rules of their account alone. The session is a token in `Authorization: Bearer` and nothing else,
// so no other site can make a browser call here. What is passed through unread stays with API keys.
import type { DataRoute } from '../http/route.ts'

const PLAYGROUND = '/admin/playground'

export function createPlaygroundRoutes(routes: readonly DataRoute[]): DataRoute[] {
  return routes.map((route) => ({
    ...route,
    path: PLAYGROUND + route.path,
    credential: 'session',
    role: 'user',
    mounts: [],
    summary: `Playground: ${route.summary}`,
    handle(request, response, match) {
      response.setHeader('cache-control', 'no-store')
      return route.handle(request, response, { ...match, path: outsidePlayground(match.path) })
    },
  }))
}

/** The same address where programs call it. */
export function outsidePlayground(path: string): string {
  return path.startsWith(`${PLAYGROUND}/`) ? path.slice(PLAYGROUND.length) : path
}
