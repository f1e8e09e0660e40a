// From an address to its page, under whatever path the dashboard lives. Pages of people wait for the session to be
// known; who has none signs in first and comes back, to this site only. What is unsaved is asked about before it is
// left.
import { shallowRef } from 'vue'
import { createRouter, createWebHistory, type RouteLocationNormalized, type Router } from 'vue-router'
import { i18n } from './i18n.ts'
import { routes } from './routes.ts'
import { readState, restoreSession } from './services/session.ts'
import { mayLeave } from './services/unsaved.ts'

/** Where somebody wanted to go and did not arrive, and why. */
export const lostWay = shallowRef<{ readonly error: unknown; readonly path: string } | null>(null)

export function createDashboardRouter(): Router {
  const router = createRouter({
    history: createWebHistory(new URL(document.baseURI).pathname),
    routes,
    scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  })
  router.beforeEach(async (to, from) => {
    if (isElsewhere(to, from) && readState() !== 'out' && !(await mayLeave())) return false
    if (to.meta.open) return true
    await restoreSession()
    return readState() === 'out' ? { path: '/sign-in', query: { next: to.fullPath } } : true
  })
  router.onError((error: unknown, to) => {
    lostWay.value = { error, path: to.fullPath }
  })
  router.afterEach((to) => {
    lostWay.value = null
    document.title = `${i18n.global.t(to.meta.title)} · UniRoute`
  })
  return router
}

/** Another page, or another tab of it: filters, sorting and the like leave everything where it is. */
function isElsewhere(to: RouteLocationNormalized, from: RouteLocationNormalized): boolean {
  return to.path !== from.path || to.query['tab'] !== from.query['tab']
}
