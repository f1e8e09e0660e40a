// Tool names that every provider takes, and the way back. A namespace is flattened to `ns__name`; anything else that
// does not fit is cleaned and told apart by a hash.
import type { Tool } from './canonical.ts'

export interface KnownTool {
  readonly name: string
  readonly namespace?: string
  readonly style: 'json' | 'freeform'
  /** The tool that a schema-bound answer was forced into: what it is called with is the answer's text, not a call. */
  readonly asText?: boolean
}

export interface ToolNames {
  /** The name at the provider. */
  wireName(name: string, namespace?: string): string
  /** Names at the provider → as the client knows them. */
  readonly known: ReadonlyMap<string, KnownTool>
}

const WIRE = /^[a-zA-Z0-9_-]{1,64}$/

export function createToolNames(tools: readonly Tool[], hash8: (text: string) => string): ToolNames {
  const known = new Map<string, KnownTool>()
  const wire = new Map<string, string>()
  const keyOf = (name: string, namespace?: string): string => `${namespace ?? ''}\n${name}`

  function wireName(name: string, namespace?: string): string {
    const found = wire.get(keyOf(name, namespace))
    if (found !== undefined) return found
    const flat = namespace === undefined ? name : `${namespace}__${name}`
    let fitting = WIRE.test(flat) ? flat : fit(flat, hash8(keyOf(name, namespace)))
    if (known.has(fitting)) fitting = fit(flat, hash8(keyOf(name, namespace)))
    wire.set(keyOf(name, namespace), fitting)
    return fitting
  }

  for (const tool of tools) {
    const { name, namespace } = tool
    const style = tool.kind === 'freeform' ? 'freeform' : 'json'
    known.set(wireName(name, namespace), { name, ...(namespace === undefined ? {} : { namespace }), style })
  }
  return { wireName, known }
}

/** What a name at the provider stands for; one nobody declared is itself. */
export function restoreTool(known: ReadonlyMap<string, KnownTool>, name: string): KnownTool {
  return known.get(name) ?? { name, style: 'json' }
}

function fit(text: string, hash: string): string {
  const clean = text.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64 - hash.length - 1)
  return `${clean}_${hash}`
}
