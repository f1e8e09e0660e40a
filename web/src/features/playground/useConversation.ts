// The conversation of the playground: asks one model or two, reads their answers as they come, stops them, and fetches
// the receipt of each when it is over.
import { computed, type ComputedRef, onScopeDispose, ref, type Ref, shallowReactive } from 'vue'
import { openChat, readReceipt } from '../../services/api/playground.ts'
import { ApiError } from '../../services/api/send.ts'
import { readStreamError } from '../../services/api/stream.ts'
import { writeBody } from './chatRequest.ts'
import { addChunk, hasBegun, NO_CONTENT, readHead } from './chatStream.ts'
import type { Answer, AttachedPicture, ChatSettings, ToolResult, Turn } from './chatTypes.ts'

/** The row of a request that was broken off is written a moment after the connection is gone. */
const AFTER_STOP_MS = 400

export interface Question {
  readonly text: string
  readonly pictures?: readonly AttachedPicture[]
  readonly results?: readonly ToolResult[]
}

export interface Conversation {
  readonly turns: Ref<Turn[]>
  readonly busy: ComputedRef<boolean>
  /** One model for each lane that is asked; `lanes` says which, where it is not all of them. */
  ask(question: Question, models: readonly string[], settings: ChatSettings, lanes?: readonly number[]): Promise<void>
  /** The same once more, in the place of an answer that failed. */
  again(answer: Answer): Promise<void>
  /** Cuts every answer under way, at the provider too. */
  stop(): void
  clear(): void
}

export function useConversation(): Conversation {
  const turns = ref<Turn[]>([])
  const running = shallowReactive(new Map<number, AbortController>())
  // What each answer was asked with, as long as it can be asked again.
  const bodies = new Map<number, object>()
  const busy = computed(() => running.size > 0)
  let next = 1

  function stop(): void {
    for (const controller of running.values()) controller.abort()
  }
  onScopeDispose(stop)

  async function ask(
    { text, pictures = [], results = [] }: Question,
    models: readonly string[],
    settings: ChatSettings,
    lanes: readonly number[] = models.map((_, lane) => lane),
  ): Promise<void> {
    const answers = lanes.map((lane) => createAnswer(next++, lane, models[lane]!))
    turns.value.push({ id: next++, text, pictures, results, answers })
    const asked = turns.value.at(-1)!
    const history = [...turns.value]
    await Promise.all(
      asked.answers.map((answer) => run(answer, writeBody(answer.model, answer.lane, history, settings))),
    )
  }

  async function run(answer: Answer, body: object): Promise<void> {
    bodies.set(answer.id, body)
    const controller = new AbortController()
    running.set(answer.id, controller)
    const startedAt = performance.now()
    try {
      await readAnswer(answer, { ...body, stream: true }, { signal: controller.signal, startedAt })
      answer.state = 'done'
    } catch (error) {
      if (controller.signal.aborted) answer.state = 'stopped'
      else if (error instanceof ApiError) fail(answer, error)
      else throw error
    } finally {
      answer.totalMs = performance.now() - startedAt
      running.delete(answer.id)
    }
    await fetchReceipt(answer)
  }

  return {
    turns,
    busy,
    ask,
    async again(answer) {
      const body = bodies.get(answer.id)
      if (!body || running.has(answer.id)) return
      Object.assign(answer, createAnswer(answer.id, answer.lane, answer.model))
      await run(answer, body)
    },
    stop,
    clear() {
      stop()
      bodies.clear()
      turns.value = []
    },
  }
}

function createAnswer(id: number, lane: number, model: string): Answer {
  return {
    id,
    lane,
    model,
    state: 'waiting',
    content: NO_CONTENT,
    head: null,
    firstTokenMs: null,
    totalMs: null,
    error: null,
    receipt: null,
  }
}

async function readAnswer(
  answer: Answer,
  body: object,
  { signal, startedAt }: { signal: AbortSignal; startedAt: number },
): Promise<void> {
  const { headers, events } = await openChat(body, signal)
  answer.head = readHead(headers)
  answer.state = 'streaming'
  let isWhole = false
  for await (const { data } of events) {
    if (data === '[DONE]') isWhole = true
    else {
      const chunk: unknown = JSON.parse(data)
      const error = readStreamError(chunk)
      if (error) throw brokenOff(answer, error)
      answer.content = addChunk(answer.content, chunk)
      if (answer.firstTokenMs === null && hasBegun(answer.content)) answer.firstTokenMs = performance.now() - startedAt
    }
  }
  if (!isWhole && answer.content.finish === null) throw brokenOff(answer, { message: null, code: null })
}

function brokenOff(answer: Answer, { message, code }: { message: string | null; code: string | null }): ApiError {
  return new ApiError({
    status: 200,
    code: code ?? 'broken_off',
    message: message ?? 'The answer broke off.',
    requestId: answer.head?.requestId ?? null,
  })
}

function fail(answer: Answer, error: ApiError): void {
  answer.state = 'failed'
  answer.error = error
}

/** Where there is none the answer stands without: it is no reason to trouble anybody. */
async function fetchReceipt(answer: Answer): Promise<void> {
  const id = answer.head?.requestId ?? answer.error?.requestId
  if (!id) return
  if (answer.state === 'stopped') await new Promise((resolve) => setTimeout(resolve, AFTER_STOP_MS))
  try {
    answer.receipt = await readReceipt(id)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
  }
}
