// What the sidebar and the bottom bar lead to: pages that exist.
import {
  Activity,
  Boxes,
  ChartColumn,
  House,
  KeyRound,
  List,
  type LucideIcon,
  MessagesSquare,
  Plug,
  RefreshCcw,
  Route,
  ScrollText,
  Server,
  SlidersHorizontal,
  UserCog,
  Users,
} from '@lucide/vue'
import type { TextKey } from './i18n.ts'

export interface NavigationEntry {
  readonly path: string
  readonly title: TextKey
  readonly icon: LucideIcon
}
export interface NavigationGroup {
  readonly title: TextKey | null
  readonly entries: readonly NavigationEntry[]
  /** Shown to administrators only; the server decides anyway. */
  readonly forAdmins?: boolean
}

export const NAVIGATION: readonly NavigationGroup[] = [
  {
    title: null,
    entries: [
      { path: '/', title: 'titles.overview', icon: House },
      { path: '/playground', title: 'titles.playground', icon: MessagesSquare },
      { path: '/models', title: 'titles.models', icon: Boxes },
    ],
  },
  {
    title: 'navigation.access',
    entries: [
      { path: '/settings/provider-keys', title: 'titles.providerKeys', icon: KeyRound },
      { path: '/settings/api-keys', title: 'titles.apiKeys', icon: Plug },
      { path: '/routing', title: 'titles.routing', icon: Route },
      { path: '/team', title: 'titles.team', icon: Users },
    ],
  },
  {
    title: 'navigation.activity',
    entries: [
      { path: '/usage', title: 'titles.usage', icon: ChartColumn },
      { path: '/requests', title: 'titles.requests', icon: List },
      { path: '/audit', title: 'titles.audit', icon: ScrollText },
    ],
  },
  {
    title: 'navigation.admin',
    forAdmins: true,
    entries: [
      { path: '/operator/users', title: 'titles.users', icon: UserCog },
      { path: '/operator/server-keys', title: 'titles.serverKeys', icon: Server },
      { path: '/operator/encryption', title: 'titles.encryption', icon: RefreshCcw },
      { path: '/operator/health', title: 'titles.health', icon: Activity },
      { path: '/operator/settings', title: 'titles.settings', icon: SlidersHorizontal },
    ],
  },
]
