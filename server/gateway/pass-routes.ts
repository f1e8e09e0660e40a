// The addresses that are passed through, as routes. Vendors share some of them (`/v1/files` is OpenAI's, Anthropic's
// and Google's): the mount decides (`/anthropic/v1/files`), else the headers that only one vendor's clients send, else
// OpenAI.
import type { DataRoute, Mount, RouteMatch } from '../http/route.ts'
import { DATA_BODY_CAP } from '../http/route.ts'
import type { Operation, ProtocolId } from '../protocols/protocol.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { ServeEndpoint } from './endpoints.ts'
import type { Endpoint } from './exchange.ts'
import { chooseModelShape, DIALECT_OF_SHAPE } from './model-shapes.ts'
import { PASS_RULES, takesBody, type PassRule } from './pass-table.ts'

const MOUNT_OF: Readonly<Record<ProtocolId, Mount | null>> = {
  'openai-chat': 'openai',
  'openai-responses': 'openai',
  'anthropic-messages': 'anthropic',
  gemini: 'gemini',
  'uniroute-chat': null,
}

export function createPassRoutes(serve: ServeEndpoint, rules: readonly PassRule[] = PASS_RULES): DataRoute[] {
  const shared = new Map<string, { path: string; rules: PassRule[] }>()
  for (const rule of rules) {
    for (const path of pathsOf(rule)) {
      const name = `${rule.method} ${path}:${rule.verb ?? ''}`
      const place = shared.get(name) ?? { path, rules: [] }
      place.rules.push(rule)
      shared.set(name, place)
    }
  }
  return [...shared.values()].map((place) => createRoute(serve, place.path, place.rules))
}

function pathsOf({ versions, prefix, path }: PassRule): string[] {
  return versions.length === 0 ? [path] : versions.map((version) => `${prefix}/${version}${path}`)
}

function createRoute(serve: ServeEndpoint, path: string, rules: readonly PassRule[]): DataRoute {
  const [first] = rules
  if (!first) throw new Error(`${path} has no rule`)
  const { method, verb } = first
  return {
    plane: 'data',
    method,
    path,
    ...(verb === null ? {} : { verb }),
    mounts: rules.flatMap(({ protocol }) => MOUNT_OF[protocol] ?? []),
    credential: 'api-key',
    bodyCap: takesBody(method) ? DATA_BODY_CAP : 0,
    rateClass: 'data',
    summary: summarise(rules),
    handle: (request, response, match) => serve(createEndpoint(chooseRule(rules, match)), request, response, match),
  }
}

function summarise(rules: readonly PassRule[]): string {
  const vendors = rules.map(({ protocol }) => VENDOR_NAMES[MOUNT_OF[protocol] ?? 'openai']).join(', ')
  const [{ namespace, refused }] = rules as [PassRule]
  return refused === null
    ? `${vendors}: ${namespace.replaceAll('-', ' ')}, passed through with your own key`
    : `${vendors}: ${namespace}, not served`
}

const VENDOR_NAMES: Readonly<Record<Mount, string>> = { openai: 'OpenAI', anthropic: 'Anthropic', gemini: 'Gemini' }

function chooseRule(rules: readonly PassRule[], match: RouteMatch): PassRule {
  const [first] = rules as [PassRule]
  if (rules.length === 1) return first
  const id = DIALECT_OF_SHAPE[chooseModelShape(match.path, match.mount, match.headers, match.query)]
  const meant = rules.find(({ protocol }) => MOUNT_OF[protocol] === MOUNT_OF[id])
  return meant ?? { ...first, protocol: id, refused: 'This vendor has no such address.' }
}

function createEndpoint(rule: PassRule): Endpoint {
  const { protocol, method, path, verb } = rule
  const operation: Operation = {
    id: `${method} ${path}${verb === null ? '' : `:${verb}`}`,
    task: 'other',
    upstreamPath: () => path,
    modelIn: rule.modelIn ?? 'path',
    modelOptional: true,
    streaming: 'never',
    query: [],
  }
  return { protocol: PROTOCOLS[protocol], operation, pass: rule }
}
