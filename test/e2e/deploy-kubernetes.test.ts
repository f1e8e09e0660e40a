// The manifests for Kubernetes, without a cluster: no field that its API does not have where it stands, and every name
// in them leads to something that is there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { SETTING_NAMES } from '../../server/config/settings.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const name = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
const labels = z.record(name, name)
const metadata = z.strictObject({ name, labels: labels.optional() })
const quantity = z.string().regex(/^\d+(?:m|Ki|Mi|Gi)?$/)
const resources = z.strictObject({ cpu: quantity, memory: quantity, storage: quantity }).partial()
const needs = z.strictObject({ requests: resources, limits: resources }).partial()
const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string().startsWith('/'), port: name }),
  periodSeconds: z.int().positive(),
  timeoutSeconds: z.int().positive(),
  failureThreshold: z.int().positive(),
})
const container = z.strictObject({
  name,
  image: z.string().regex(/^\S+:\S+$/),
  ports: z.array(z.strictObject({ name: name.max(15), containerPort: z.int().max(65_535) })),
  env: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  lifecycle: z.strictObject({ preStop: z.strictObject({ sleep: z.strictObject({ seconds: z.int().positive() }) }) }),
  resources: needs,
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  volumeMounts: z.array(z.strictObject({ name, mountPath: z.string(), readOnly: z.boolean().optional() })),
})
const pod = z.strictObject({
  terminationGracePeriodSeconds: z.int(),
  automountServiceAccountToken: z.literal(false),
  securityContext: z.strictObject({
    runAsNonRoot: z.literal(true),
    runAsUser: z.int().positive(),
    fsGroup: z.int().positive(),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  containers: z.tuple([container]),
  volumes: z.array(
    z.union([
      z.strictObject({ name, secret: z.strictObject({ secretName: name, defaultMode: z.int() }) }),
      z.strictObject({ name, emptyDir: z.strictObject({}) }),
    ]),
  ),
})
const claim = z.strictObject({ accessModes: z.array(z.literal('ReadWriteOnce')), resources: needs })
const servicePort = z.strictObject({ name, port: z.int().max(65_535), targetPort: name })
const service = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata,
  spec: z.strictObject({ selector: labels, ports: z.array(servicePort), clusterIP: z.literal('None').optional() }),
})
const selector = z.strictObject({ matchLabels: labels })
const budget = z.strictObject({
  apiVersion: z.literal('policy/v1'),
  kind: z.literal('PodDisruptionBudget'),
  metadata,
  spec: z.strictObject({ maxUnavailable: z.int().positive(), selector }),
})
const set = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('StatefulSet'),
  metadata,
  spec: z.strictObject({
    serviceName: name,
    replicas: z.int().min(2),
    podManagementPolicy: z.enum(['Parallel', 'OrderedReady']),
    selector,
    template: z.strictObject({ metadata: z.strictObject({ labels }), spec: pod }),
    volumeClaimTemplates: z.array(z.strictObject({ metadata, spec: claim })),
  }),
})
const monitor = z.strictObject({
  apiVersion: z.literal('monitoring.coreos.com/v1'),
  kind: z.literal('PodMonitor'),
  metadata,
  spec: z.strictObject({
    jobLabel: name,
    selector,
    podMetricsEndpoints: z.tuple([
      z.strictObject({
        port: name,
        path: z.string().startsWith('/'),
        interval: z.string().regex(/^\d+s$/),
        authorization: z.strictObject({ credentials: z.strictObject({ name, key: z.string() }) }),
      }),
    ]),
  }),
})
const manifest = z.discriminatedUnion('kind', [service, budget, set])

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
/** As Kubernetes reads it: 0440 is octal. */
const readAll = (path: string): unknown[] =>
  parseAllDocuments(read(path), { version: '1.1' }).map((document) => document.toJS() as unknown)
const findWorkload = (): z.infer<typeof set>['spec'] =>
  readAll('deploy/kubernetes/uniroute.yaml')
    .map((document) => manifest.parse(document))
    .find((one) => one.kind === 'StatefulSet')!.spec

test('have only fields that there are, and lead only to what there is', () => {
  const all = readAll('deploy/kubernetes/uniroute.yaml').map((document) => manifest.parse(document))
  const services = all.filter((one) => one.kind === 'Service')
  const workload = all.find((one) => one.kind === 'StatefulSet')!.spec
  const { spec, metadata: made } = workload.template
  const [only] = spec.containers

  const selectors = [...services.map((one) => one.spec.selector), workload.selector.matchLabels]
  for (const one of all) if (one.kind === 'PodDisruptionBudget') selectors.push(one.spec.selector.matchLabels)
  for (const chosen of selectors) expect(made.labels).toMatchObject(chosen)
  const headless = services.filter((one) => one.spec.clusterIP === 'None').map((one) => one.metadata.name)
  expect(headless).toEqual([workload.serviceName])

  const ports = only.ports.map((port) => port.name)
  const meant = services.flatMap((one) => one.spec.ports.map((port) => port.targetPort))
  meant.push(...[only.startupProbe, only.livenessProbe, only.readinessProbe].map((one) => one.httpGet.port))
  expect(meant.filter((port) => !ports.includes(port))).toEqual([])
  const volumes = [...spec.volumes, ...workload.volumeClaimTemplates.map((one) => one.metadata)].map((one) => one.name)
  expect(only.volumeMounts.map((mount) => mount.name).toSorted()).toEqual(volumes.toSorted())
  const mounts = only.volumeMounts.map((mount) => `${mount.mountPath}/`)
  const files = only.env.filter((one) => one.name.endsWith('_FILE')).map((one) => one.value)
  expect(files.filter((file) => !mounts.some((mount) => file.startsWith(mount)))).toEqual([])
  // Whoever runs the container reads the secrets by its group.
  for (const volume of spec.volumes) if ('secret' in volume) expect(volume.secret.defaultMode).toBe(0o440)

  // A migration has its time; who serves from memory while the database is away is asked on, for the minute that it
  // does.
  const patience = (one: typeof only.startupProbe): number => one.periodSeconds * one.failureThreshold
  expect(only.startupProbe.httpGet.path).toBe('/health')
  expect(patience(only.startupProbe)).toBeGreaterThanOrEqual(600)
  expect(patience(only.readinessProbe)).toBeGreaterThanOrEqual(60)
  // One that is overloaded was seen to answer after two seconds.
  expect(only.livenessProbe.timeoutSeconds).toBeGreaterThanOrEqual(5)

  // What still runs ends before it is killed: 600 s of draining, after the pause.
  const pause = only.lifecycle.preStop.sleep.seconds
  expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(600 + pause)
})

test('set only what UniRoute knows, from files of the secret that the manual makes', () => {
  const [only] = findWorkload().template.spec.containers
  const known = new Set<string>(SETTING_NAMES)
  expect(only.env.filter((one) => !known.has(one.name.replace(/_FILE$/, '')))).toEqual([])
  const made = [...read('docs/deploy.md').matchAll(/--from-literal=(\w+)=/g)].map((found) => found[1])
  const files = only.env.filter((one) => one.name.endsWith('_FILE'))
  expect(files.map((one) => one.value.split('/').at(-1)).toSorted()).toEqual(made.toSorted())
  for (const one of files) expect(one.value.split('/').at(-1)).toBe(one.name.replace(/_FILE$/, ''))
})

test('the metrics are asked for at the port of the pods, with the token that they want, as the job of the alerts', () => {
  const { template } = findWorkload()
  const [podMonitor, ...others] = readAll('deploy/kubernetes/podmonitor.yaml').map((one) => monitor.parse(one))
  expect(others).toEqual([])
  const { spec } = podMonitor!
  const [{ port, path, authorization }] = spec.podMetricsEndpoints
  const [only] = template.spec.containers
  expect(template.metadata.labels).toMatchObject(spec.selector.matchLabels)
  expect(only.ports.map((one) => one.name)).toContain(port)
  expect(path).toBe('/metrics')
  const { name: secret, key } = authorization.credentials
  const volume = template.spec.volumes.find((one) => 'secret' in one && one.secret.secretName === secret)!
  const { mountPath } = only.volumeMounts.find((one) => one.name === volume.name)!
  expect(only.env).toContainEqual({ name: 'METRICS_TOKEN_FILE', value: `${mountPath}/${key}` })
  const job = template.metadata.labels[spec.jobLabel]
  const alerts = read('docs/recipes/prometheus/alerts.yaml')
  expect(new Set([...alerts.matchAll(/job="(\w+)"/g)].map((found) => found[1]))).toEqual(new Set([job]))
})
