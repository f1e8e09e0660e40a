// What the sidebar and the bottom bar lead to: pages that exist.
import {
  Boxes,
  ChartColumn,
  House,
  KeyRound,
  List,
  type LucideIcon,
  MessagesSquare,
  Plug,
  Route,
  ScrollText,
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
]
