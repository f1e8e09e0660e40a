// From an address to its page, under whatever path the dashboard lives. Pages of people wait for the session to be
// known; who has none signs in first and comes back, to this site only.
import { createRouter, createWebHistory, type Router } from 'vue-router'
import { i18n } from './i18n.ts'
import { routes } from './routes.ts'
import { readState, restoreSession } from './services/session.ts'

export function createDashboardRouter(): Router {
  const router = createRouter({
    history: createWebHistory(new URL(document.baseURI).pathname),
    routes,
    scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  })
  router.beforeEach(async (to) => {
    if (to.meta.open) return true
    await restoreSession()
    return readState() === 'out' ? { path: '/sign-in', query: { next: to.fullPath } } : true
  })
  router.afterEach((to) => {
    document.title = `${i18n.global.t(to.meta.title)} · UniRoute`
  })
  return router
}
