// What every route must say before it may exist. Default deny: a fact that is left out is a mistake, never a default.
// Checked at run time too, since a table is put together from many rooms.
import type { Route } from './route.ts'

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])
const CREDENTIALS = new Set(['none', 'session', 'api-key', 'refresh', 'metrics'])
const RATE_CLASSES = new Set(['open', 'sign-in', 'control', 'data'])
const ROLES = new Set(['user', 'admin'])
const PATH =
  /^\/$|^(?:\/(?:[a-z0-9][A-Za-z0-9._-]*|:[a-z][a-z_]*))*(?:\/(?:[a-z0-9][A-Za-z0-9._-]*|:[a-z][a-z_]*|\*[a-z][a-z_]*))$/

/** Throws where a route leaves out who may call it, or how large and how often. */
export function checkRouteFacts(route: Route): void {
  const missing = listFaults(route)
  if (missing.length > 0) throw new Error(`Route ${route.method} ${route.path}: ${missing.join('; ')}.`)
}

function listFaults(route: Route): string[] {
  const faults: string[] = []
  const demand = (holds: boolean, fault: string): void => {
    if (!holds) faults.push(fault)
  }
  demand(METHODS.has(route.method), 'method is not one of the known ones')
  demand(typeof route.path === 'string' && PATH.test(route.path), 'path is not of the form /fixed/:name')
  demand(CREDENTIALS.has(route.credential), 'credential is missing')
  demand(Number.isInteger(route.bodyCap) && route.bodyCap >= 0, 'bodyCap is missing')
  demand(RATE_CLASSES.has(route.rateClass), 'rateClass is missing')
  demand(typeof route.summary === 'string' && route.summary.length > 0, 'summary is missing')
  demand(typeof route.handle === 'function', 'handle is missing')
  const names = route.path?.match(/[:*][a-z_]+/g)?.map((name) => name.slice(1)) ?? []
  demand(new Set(names).size === names.length, 'two segments have the same name')
  if (route.credential === 'session') demand(ROLES.has(route.role as string), 'a session route says its role')
  else demand(route.role === undefined, 'only a session has a role')
  demand(
    route.recentSignIn === undefined || (route.plane === 'control' && route.credential === 'session'),
    'only a session can be recent',
  )
  if (route.plane === 'data') {
    const isRest = route.path.includes('*')
    demand(route.verb === undefined || (isRest && /^[A-Za-z]+$/.test(route.verb)), 'a verb needs a *name path')
    demand(route.credential !== 'refresh', 'the refresh cookie is for the control plane')
  } else {
    demand(route.plane === 'control', 'plane is missing')
    demand(Object.keys(route.answers ?? {}).length > 0, 'answers are missing')
    const takesBody = route.method === 'POST' || route.method === 'PUT' || route.method === 'PATCH'
    demand(
      route.body === undefined || (takesBody && route.bodyCap > 0),
      'a body needs POST, PUT or PATCH and a bodyCap',
    )
  }
  return faults
}
