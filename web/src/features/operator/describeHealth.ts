// The figures of a server's health: what it is, and how its work stands.
import type { AdminHealth } from '../../../../contract/health.ts'
import type { Format } from '../../composables/useFormat.ts'
import type { Text } from '../../i18n.ts'
import type { Card } from '../../ui/Cards.vue'
import { formatBytes, formatSpan } from './formatSize.ts'

export function describeHealth(now: AdminHealth, text: Text, format: Format): { server: Card[]; work: Card[] } {
  return { server: describeServer(now, text, format), work: describeWork(now, text, format) }
}

function describeServer(now: AdminHealth, text: Text, format: Format): Card[] {
  const { kind, latency_ms: latency, schema_version: schema } = now.database
  return [
    {
      id: 'version',
      label: text('operator.health.version'),
      figure: now.version,
      note: text('operator.health.node', { version: now.node }),
    },
    {
      id: 'uptime',
      label: text('operator.health.uptime'),
      figure: formatSpan(now.uptime_s, format.number),
      note: text('operator.health.since', { moment: format.exact(now.started_at) }),
    },
    {
      id: 'database',
      label: text('operator.health.database'),
      figure: kind === 'sqlite' ? 'SQLite' : 'PostgreSQL',
      note: [
        latency === null
          ? text('operator.health.noAnswer')
          : text('operator.health.answersIn', { time: format.duration(latency) }),
        ...(schema ? [text('operator.health.schema', { version: schema })] : []),
      ].join(', '),
    },
  ]
}

function describeWork({ journal, disk, in_progress: work }: AdminHealth, text: Text, format: Format): Card[] {
  const size = (bytes: number): string => formatBytes(bytes, format.number)
  return [
    {
      id: 'progress',
      label: text('operator.health.inProgress'),
      figure: text('operator.health.requests', {}, work.requests),
      note: text('operator.health.calls', { calls: work.upstream_calls, streams: work.event_streams }),
    },
    {
      id: 'journal',
      label: text('operator.health.journal'),
      figure:
        journal.lag_ms === 0
          ? text('operator.health.journalNow')
          : text('operator.health.journalLag', { time: format.duration(journal.lag_ms) }),
      note: text(
        'operator.health.journalNote',
        { size: size(journal.bytes), waiting: format.number(journal.waiting) },
        journal.segments,
      ),
    },
    {
      id: 'disk',
      label: text('operator.health.disk'),
      figure: disk ? text('operator.health.free', { size: size(disk.free_bytes) }) : text('operator.health.unknown'),
      ...(disk && { note: text('operator.health.of', { size: size(disk.total_bytes) }) }),
    },
  ]
}
