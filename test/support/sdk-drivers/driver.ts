// One way to speak for all official SDKs: what is asked, and what came back, in words that no SDK owns. A driver says
// it in its SDK's own way, as that SDK's documentation does, and reads the answer through the SDK's own objects.
import { AsyncLocalStorage } from 'node:async_hooks'

// Other people's objects.
export type Sdk = any

export interface ToolSpec {
  readonly name: string
  readonly schema: object
}

export interface Media {
  readonly mime: string
  /** Standard base64. */
  readonly data: string
}

export type Turn =
  | { readonly by: 'user'; readonly text: string; readonly media?: Media }
  /** An earlier answer, handed back as the SDK wants it. */
  | { readonly by: 'model'; readonly said: Said }
  | { readonly by: 'tools'; readonly results: readonly ToolResult[] }

export interface ToolResult {
  readonly call: Call
  readonly text: string
}

export interface Question {
  readonly model: string
  readonly turns: readonly Turn[]
  readonly system?: string
  readonly tools?: readonly ToolSpec[]
  /** A name: this tool must be called. */
  readonly force?: string
  readonly schema?: object
  readonly think?: boolean
  readonly maxTokens?: number
  readonly stop?: readonly string[]
}

export interface Call {
  readonly id: string
  readonly name: string
  readonly args: unknown
}

export interface Said {
  readonly text: string
  readonly calls: readonly Call[]
  readonly finish: 'stop' | 'tool_calls' | 'length' | 'refusal' | 'unknown'
  readonly usage: { readonly input: number; readonly output: number }
  /** The thoughts that the SDK shows. */
  readonly thoughts: string
  /** What the SDK keeps of the answer, to be handed back in the next turn. */
  readonly native: Sdk
  /** Of a stream: the pieces of text as they came. */
  readonly pieces?: readonly string[]
}

export interface Place {
  /** UniRoute's address, without a version. */
  readonly url: string
  readonly apiKey: string
}

/** The names of exception classes and statuses that an SDK throws. */
export interface Thrown {
  readonly classes: readonly string[]
  readonly status: number | undefined
  readonly message: string
}

export interface Driver {
  readonly name: string
  readonly dialect: 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'gemini'
  /** What it cannot say, with the reason. */
  readonly lacks?: Readonly<Record<string, string>>
  ask(place: Place, question: Question): Promise<Said>
  stream(place: Place, question: Question): Promise<Said>
  /** The class that this SDK throws for a status. */
  errorClass(status: number): string
}

const heard = new AsyncLocalStorage<{ headers: Headers | null }>()
let watching = false

/** Runs a call of an SDK and hands out the headers of the last HTTP answer that it got. */
export async function withHeaders<Value>(run: () => Promise<Value>): Promise<{ value: Value; headers: Headers }> {
  if (!watching) {
    watching = true
    const original = globalThis.fetch
    globalThis.fetch = async (...input) => {
      const response = await original(...input)
      const slot = heard.getStore()
      if (slot) slot.headers = response.headers
      return response
    }
  }
  const slot: { headers: Headers | null } = { headers: null }
  const value = await heard.run(slot, run)
  if (!slot.headers) throw new Error('The SDK made no request through fetch.')
  return { value, headers: slot.headers }
}

/** What a failed call throws, by the names of its classes. */
export async function readThrown(call: Promise<unknown>): Promise<Thrown> {
  const error: Sdk = await call.then(
    (value) => {
      throw new Error(`No error was thrown: ${JSON.stringify(value)?.slice(0, 300)}`)
    },
    (thrown: unknown) => thrown,
  )
  const classes: string[] = []
  for (
    let type = error?.constructor;
    typeof type === 'function' && type.name !== '';
    type = Object.getPrototypeOf(type)
  ) {
    classes.push(type.name)
  }
  return { classes, status: error?.status ?? error?.statusCode, message: String(error?.message) }
}

/** The data URL of a picture or a document. */
export const dataUrl = ({ mime, data }: Media): string => `data:${mime};base64,${data}`
export const parseArgs = (text: string): unknown => (text === '' ? {} : JSON.parse(text))
