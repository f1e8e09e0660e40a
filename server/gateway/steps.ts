// The rules by which the keys of one model are gone through, and one model after the other. Requests are served by them
// and explanations made of them, each in a world of its own: in one a step is a call, in the other it is supposed.
// Invariants: at most six calls and three providers for one request; a provider that is left alone is asked all the
// same where nothing else was; what stood in the way of the caller's own keys holds for all models of the request.
import type { ErrorCode } from '../kernel/errors.ts'
import { chooseRefusal, isOneTooMany, leavesRoomForOthers, type Candidate } from './candidates.ts'
import type { Chain, KeyFate, Obstacle, Step } from './chain.ts'
import type { OutageFacts } from './refusal.ts'

export type NamedStep = Exclude<Step, { kind: 'none' }>

export const MOST_CALLS = 6

/** What came of a step: the end of the walk, or why the next key's turn has come. */
export type Asked<End> =
  { readonly end: End } | { readonly fate: KeyFate; readonly outage?: OutageFacts; readonly cooldownSeconds?: number }

export interface StepWorld<End> {
  /** Made for this request so far, by all its models. */
  calls(): number
  /** Why its provider is left alone just now; null = it may be asked. */
  leftAlone(step: NamedStep): OutageFacts | null | Promise<OutageFacts | null>
  /** Its provider is left alone and nobody else is there: is it asked all the same? */
  isLastResort(step: NamedStep): boolean | Promise<boolean>
  ask(step: NamedStep): Promise<Asked<End>>
}

/** How it ended, or what is known of the obstacles that the chain has. */
export type Walked<End> =
  { readonly end: End } | { readonly outage: OutageFacts | null; readonly cooldownSeconds: number | null }

/** `isLast`: no other model is asked afterwards. */
export async function walkSteps<End>(chain: Chain, world: StepWorld<End>, isLast: boolean): Promise<Walked<End>> {
  let outage: OutageFacts | null = null
  let cooldownSeconds: number | null = null
  let leftAlone: NamedStep | null = null
  for (;;) {
    let step = chain.next()
    if (step.kind === 'none') {
      // The last target is never blocked entirely.
      if (!leftAlone || !isLast || world.calls() > 0 || !(await world.isLastResort(leftAlone))) break
      step = leftAlone
      chain.retry(step)
      leftAlone = null
    } else {
      if (world.calls() >= MOST_CALLS) break
      const found = world.leftAlone(step)
      // Where no breaker is half open, a step costs no turn of its own.
      const why = found instanceof Promise ? await found : found
      if (why) {
        ;[leftAlone, outage] = [step, why]
        chain.report('outage')
        continue
      }
    }
    const asked = await world.ask(step)
    if ('end' in asked) return asked
    if (asked.outage) outage = asked.outage
    if (asked.cooldownSeconds !== undefined) {
      cooldownSeconds = Math.min(cooldownSeconds ?? Infinity, asked.cooldownSeconds)
    }
    chain.report(asked.fate)
  }
  return { outage, cooldownSeconds }
}

/** Is a call that failed made once more with the same key? `isSafe`: the provider surely did not run it. */
export function mayRepeat(isSafe: boolean, calls: number, clientRetries: string | undefined): boolean {
  return isSafe && calls < MOST_CALLS && !(Number(clientRetries ?? 0) > 0)
}

export interface ModelWorld<Model, End> {
  calls(): number
  /** `earlier`: what stood in the way of the caller's own keys for the models before. */
  walkModel(
    model: Model,
    place: { readonly index: number; readonly isLast: boolean; readonly earlier: readonly Obstacle[] },
  ): Promise<{ readonly end: End; readonly obstacles: readonly Obstacle[] }>
  /** What the client would be told; null where the end is no refusal. */
  refusalOf(end: End): ErrorCode | null
  /** Nobody is there any more to be served. */
  isOver(): boolean
}

/** The end of the model that served, or whose refusal is told. At least one model may be tried. */
export async function walkModels<Model extends Candidate, End>(
  models: readonly Model[],
  world: ModelWorld<Model, End>,
): Promise<End> {
  const open = models.filter(({ skip }) => skip === null)
  const called = new Set<string>()
  const earlier: Obstacle[] = []
  const refused: { readonly end: End; readonly code: ErrorCode }[] = []
  for (const [index, model] of open.entries()) {
    const before = world.calls()
    if (before >= MOST_CALLS || isOneTooMany(called, model.provider.id)) continue
    const { end, obstacles } = await world.walkModel(model, { index, isLast: index === open.length - 1, earlier })
    if (world.calls() > before) called.add(model.provider.id)
    const code = world.refusalOf(end)
    if (code === null) return end
    refused.push({ end, code })
    if (!leavesRoomForOthers(code) || world.isOver()) break
    earlier.push(...obstacles.filter(({ payer }) => payer === 'user'))
  }
  return refused[chooseRefusal(refused.map(({ code }) => code))]!.end
}
