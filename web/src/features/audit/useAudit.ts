// The audit log: what its address asks for, and the page it shows.
import { useQuery } from '@pinia/colada'
import { computed } from 'vue'
import { useAddressState } from '../../composables/useAddressState.ts'
import { useNames } from '../../composables/useNames.ts'
import { preferredZone } from '../../composables/usePreferences.ts'
import { useText } from '../../i18n.ts'
import { type AuditEntryAnswer, type AuditQuestion, listAudit } from '../../services/api/audit.ts'
import { useSessionStore } from '../../stores/session.ts'
import { addDays, startOfDay } from '../../ui/timeRange.ts'

const FILTERS = { actor: '', action: '', target: '', from: '', to: '' }
const DEFAULTS = { ...FILTERS, own: '', cursor: '', entry: '' }
type Filters = Partial<typeof FILTERS & { own: string }>
const PAGE_LENGTH = 50

/** When a day begins where the reader is, or one after it; empty where the address names no day. */
function momentOf(day: string, later = 0): string {
  if (Number.isNaN(Date.parse(`${day}T00:00:00Z`))) return ''
  return startOfDay(addDays(day, later), preferredZone()).toISOString()
}

export function useAudit() {
  const text = useText()
  const session = useSessionStore()
  const { values, set } = useAddressState(DEFAULTS)
  const isAdmin = computed(() => session.user?.role === 'admin')
  const names = useNames({ people: isAdmin })

  const question = computed<AuditQuestion>(() => {
    const { actor, action, target, from, to, own } = values.value
    return {
      actor,
      action,
      target,
      own,
      from: momentOf(from),
      to: momentOf(to, 1),
    }
  })
  const page = useQuery({
    key: () => ['audit', { ...question.value, cursor: values.value.cursor }],
    query: () => listAudit({ ...question.value, cursor: values.value.cursor, limit: PAGE_LENGTH }),
    placeholderData: (before: Awaited<ReturnType<typeof listAudit>> | undefined) => before,
  })

  function nameActor({ actor_id, actor_type }: AuditEntryAnswer): string {
    if (actor_id === null) return actor_type === 'system' ? text('audit.system') : actor_type
    return actor_id === session.user?.id ? text('audit.you') : names.nameUser(actor_id)
  }

  return {
    values,
    isAdmin,
    names,
    question,
    page,
    nameActor,
    activeFilters: computed(
      () => Object.keys(FILTERS).filter((name) => values.value[name as keyof typeof FILTERS] !== '').length,
    ),
    filter: (change: Filters) => set({ ...change, cursor: '', entry: '' }),
    clearFilters: () => set({ ...FILTERS, cursor: '', entry: '' }),
    goTo: (cursor: string) => set({ cursor, entry: '' }, { step: true }),
    open: (entry: string) => set({ entry }),
  }
}
export type Audit = ReturnType<typeof useAudit>
