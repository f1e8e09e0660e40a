// The map of addresses. `open`: for people who are not signed in. `title`: the page's name, in the tab and the sidebar.
// `wide`: a log, which takes the whole width.
import type { RouteRecordRaw } from 'vue-router'
import type { TextKey } from './i18n.ts'

declare module 'vue-router' {
  interface RouteMeta {
    readonly open?: boolean
    readonly title: TextKey
    readonly wide?: boolean
  }
}

export const routes: RouteRecordRaw[] = [
  { path: '/', component: () => import('./pages/overview.vue'), meta: { title: 'titles.overview' } },
  { path: '/setup', component: () => import('./pages/setup.vue'), meta: { open: true, title: 'titles.setup' } },
  { path: '/sign-in', component: () => import('./pages/sign-in.vue'), meta: { open: true, title: 'titles.signIn' } },
  {
    path: '/register',
    component: () => import('./pages/register.vue'),
    meta: { open: true, title: 'titles.register' },
  },
  { path: '/reset', component: () => import('./pages/reset.vue'), meta: { open: true, title: 'titles.reset' } },
  { path: '/join', component: () => import('./pages/join.vue'), meta: { open: true, title: 'titles.join' } },
  { path: '/team', component: () => import('./pages/team.vue'), meta: { title: 'titles.team' } },
  {
    path: '/playground',
    component: () => import('./pages/playground.vue'),
    meta: { title: 'titles.playground' },
  },
  { path: '/models', component: () => import('./pages/models.vue'), meta: { title: 'titles.models' } },
  { path: '/routing', component: () => import('./pages/routing.vue'), meta: { title: 'titles.routing' } },
  {
    path: '/settings/provider-keys',
    component: () => import('./pages/settings/provider-keys.vue'),
    meta: { title: 'titles.providerKeys' },
  },
  {
    path: '/settings/api-keys',
    component: () => import('./pages/settings/api-keys.vue'),
    meta: { title: 'titles.apiKeys' },
  },
  { path: '/usage', component: () => import('./pages/usage.vue'), meta: { title: 'titles.usage' } },
  {
    path: '/requests',
    component: () => import('./pages/requests.vue'),
    meta: { title: 'titles.requests', wide: true },
  },
  { path: '/audit', component: () => import('./pages/audit.vue'), meta: { title: 'titles.audit', wide: true } },
  {
    path: '/settings/profile',
    component: () => import('./pages/settings/profile.vue'),
    meta: { title: 'titles.profile' },
  },
  {
    path: '/operator/users',
    component: () => import('./pages/operator/users.vue'),
    meta: { title: 'titles.users' },
  },
  {
    path: '/operator/server-keys',
    component: () => import('./pages/operator/server-keys.vue'),
    meta: { title: 'titles.serverKeys' },
  },
  {
    path: '/operator/encryption',
    component: () => import('./pages/operator/encryption.vue'),
    meta: { title: 'titles.encryption' },
  },
  {
    path: '/operator/health',
    component: () => import('./pages/operator/health.vue'),
    meta: { title: 'titles.health' },
  },
  {
    path: '/operator/settings',
    component: () => import('./pages/operator/settings.vue'),
    meta: { title: 'titles.settings' },
  },
  {
    path: '/:unknown(.*)*',
    component: () => import('./pages/not-found.vue'),
    meta: { open: true, title: 'titles.notFound' },
  },
]
