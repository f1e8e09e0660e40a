// From the conversation and the form to the body of a chat call: the same for sending it and for showing it as code.
import type { Answer, ChatSettings, Turn } from './chatTypes.ts'

export type SettingsFault = 'temperature' | 'topP' | 'maxTokens' | 'schema' | 'tools'

export interface ChatBody {
  readonly model: string
  readonly messages: readonly object[]
  readonly [field: string]: unknown
}

/** What of the form cannot be sent as it stands. */
export function findFaults(settings: ChatSettings): SettingsFault[] {
  const faults: SettingsFault[] = []
  if (!isNumberIn(settings.temperature, 0, 2)) faults.push('temperature')
  if (!isNumberIn(settings.topP, 0, 1)) faults.push('topP')
  if (!/^\s*(?:[1-9]\d{0,8})?\s*$/.test(settings.maxTokens)) faults.push('maxTokens')
  if (settings.schema.trim() !== '' && !isObject(parse(settings.schema))) faults.push('schema')
  if (settings.tools.trim() !== '' && readTools(settings.tools) === null) faults.push('tools')
  return faults
}

/** `turns`: the last one is what is asked now; its answer in this lane is not yet there. */
export function writeBody(model: string, lane: number, turns: readonly Turn[], settings: ChatSettings): ChatBody {
  const tools = settings.tools.trim() === '' ? null : readTools(settings.tools)
  const schema = settings.schema.trim() === '' ? null : parse(settings.schema)
  return {
    model,
    messages: [
      ...(settings.system.trim() === '' ? [] : [{ role: 'system', content: settings.system }]),
      ...turns.flatMap((turn, index) => writeTurn(turn, lane, index === turns.length - 1)),
    ],
    ...numberField('temperature', settings.temperature),
    ...numberField('top_p', settings.topP),
    ...numberField('max_tokens', settings.maxTokens),
    ...(settings.effort === '' ? {} : { reasoning_effort: settings.effort }),
    ...(isObject(schema)
      ? { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } } }
      : {}),
    ...(tools === null ? {} : { tools }),
  }
}

/** The answer of a lane; a model that joined later has heard what the first one said. */
export function answerOf(turn: Turn, lane: number): Answer | undefined {
  return turn.answers.find((answer) => answer.lane === lane) ?? turn.answers.find((answer) => answer.lane === 0)
}

function writeTurn(turn: Turn, lane: number, isLast: boolean): object[] {
  const asked =
    turn.results.length > 0 ? turn.results.map(writeResult) : [{ role: 'user', content: writeContent(turn) }]
  if (isLast) return asked
  const answer = answerOf(turn, lane)
  // What was not answered was not said.
  if (!answer || (answer.content.text === '' && answer.content.calls.length === 0)) return []
  const { text, calls, reasoningDetails } = answer.content
  return [
    ...asked,
    {
      role: 'assistant',
      content: text === '' ? null : text,
      ...(calls.length > 0 && { tool_calls: calls.map(({ raw }) => raw) }),
      ...(reasoningDetails.length > 0 && { reasoning_details: reasoningDetails }),
    },
  ]
}

function writeResult({ callId, content }: Turn['results'][number]): object {
  return { role: 'tool', tool_call_id: callId, content }
}

function writeContent({ text, pictures }: Turn): unknown {
  if (pictures.length === 0) return text
  return [
    ...pictures.map(({ dataUrl }) => ({ type: 'image_url', image_url: { url: dataUrl } })),
    ...(text === '' ? [] : [{ type: 'text', text }]),
  ]
}

function numberField(name: string, text: string): Record<string, number> {
  return text.trim() === '' ? {} : { [name]: Number(text) }
}

function isNumberIn(text: string, least: number, most: number): boolean {
  if (text.trim() === '') return true
  const value = Number(text)
  return !Number.isNaN(value) && value >= least && value <= most
}

/** A list of tools, or of bare functions; null where it is neither. */
function readTools(text: string): object[] | null {
  const value = parse(text)
  const list = Array.isArray(value) ? value : [value]
  const tools = list.map((one: unknown) => {
    if (!isObject(one)) return null
    if (isObject(one['function'])) return one
    return typeof one['name'] === 'string' ? { type: 'function', function: one } : null
  })
  return tools.every((tool) => tool !== null) && tools.length > 0 ? tools : null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
