// What a choice of tools means where both functions and tools of providers may be named, and a choice that names none:
// in every dialect's own API that is the caller's mistake; sent on without the tools it would be forgotten, so the
// crossing is refused.
import type { Builtin, ChatRequest } from './canonical.ts'
import { CannotCross } from './codec.ts'

/** `own`: the dialect it is written in; its provider answers for itself. */
export function refuseEmptyChoice(request: ChatRequest, own: string): void {
  const { toolChoice: choice, tools, builtins } = request
  if (!choice || request.origin === own || request.extensions[own]) return
  if (choice.mode === 'allowed') {
    const allowed = new Set(choice.names)
    const offered = [...tools, ...builtins].some(({ name }) => allowed.has(name))
    if (!offered) throw refusal('The choice of tools allows none of those in the request. Name some of them.')
  }
  const isForced = choice.mode === 'required' || choice.mode === 'named'
  if (isForced && tools.length === 0 && builtins.length === 0) {
    throw refusal('A tool is forced, but there are none. Send tools, or let the model choose.')
  }
}

/** The provider's own tool that must be called; null where the choice names a function, or no single tool. */
export function forcedBuiltin({
  toolChoice: choice,
  tools,
  builtins,
}: Pick<ChatRequest, 'toolChoice' | 'tools' | 'builtins'>): Builtin | null {
  if (choice?.mode !== 'named') return null
  if (choice.builtin !== true && tools.some(({ name }) => name === choice.name)) return null
  return builtins.find(({ name }) => name === choice.name) ?? null
}

/**
 * Of the tools that providers run, those that may be called. Only Responses lists them among those that are allowed.
 */
export function allowedBuiltins({ toolChoice: choice, builtins }: ChatRequest): readonly Builtin[] {
  if (choice?.mode !== 'allowed' || choice.others) return builtins
  const allowed = new Set(choice.names)
  return builtins.filter(({ protocol, name }) => protocol !== 'openai-responses' || allowed.has(name))
}

function refusal(message: string): CannotCross {
  return new CannotCross('tool_choice', message, 'bad_request')
}
