// A choice of tools that names none. In every dialect's own API it is the caller's mistake; sent on without the tools it
// would be forgotten, so the crossing is refused.
import type { ChatRequest } from './canonical.ts'
import { CannotCross } from './codec.ts'

/** `own`: the dialect it is written in; its provider answers for itself. */
export function refuseEmptyChoice(request: ChatRequest, own: string): void {
  const { toolChoice: choice, tools, builtins } = request
  if (!choice || request.origin === own || request.extensions[own]) return
  if (choice.mode === 'allowed') {
    const offered = [...tools, ...builtins].some(({ name }) => choice.names.includes(name))
    if (!offered) throw refusal('The choice of tools allows none of those in the request. Name some of them.')
  }
  const isForced = choice.mode === 'required' || choice.mode === 'named'
  if (isForced && tools.length === 0 && builtins.length === 0) {
    throw refusal('A tool is forced, but there are none. Send tools, or let the model choose.')
  }
}

function refusal(message: string): CannotCross {
  return new CannotCross('tool_choice', message, 'bad_request')
}
