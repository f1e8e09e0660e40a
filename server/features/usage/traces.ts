// Tells an OpenTelemetry collector of every request, once it is over and its record is complete.
import type { Config } from '../../config/config.ts'
import type { Log } from '../../kernel/log.ts'
import { readPackageVersion } from '../../kernel/package-root.ts'
import { createSpanExporter, type SpanExporter } from '../../upstream/span-exporter.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { toSpans, type TracedRequest } from './spans.ts'

export type Traces = SpanExporter<TracedRequest>

export function createTraces(
  options: NonNullable<Config['traces']> & {
    readonly upstream: Upstream
    readonly log: Log
    readonly instanceId: string
  },
): Traces {
  const { serviceName, instanceId, ...how } = options
  const resource = {
    'service.name': serviceName,
    'service.version': readPackageVersion(),
    'service.instance.id': instanceId,
  }
  return createSpanExporter({
    ...how,
    toSpans,
    resource: Object.entries(resource).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  })
}
