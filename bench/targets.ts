// What is measured beside what.
import type { Target } from './target.ts'
import { nginx } from './targets/nginx.ts'
import { nodeProxy, nullProxy } from './targets/proxies.ts'
import { createUniRouteTarget } from './targets/uniroute.ts'

export const TARGETS: readonly Target[] = [nginx, nullProxy, nodeProxy, createUniRouteTarget({ id: 'uniroute' })]

/** In the order of preference: verdicts go by the first that runs. */
export const REFERENCES = [nginx.id, nullProxy.id]
