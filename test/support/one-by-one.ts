// A slow way to the server: every answer waits until the page has drawn what came before it.
import type { Watched } from './browser.ts'

export interface Gate {
  /** The calls of the API that were held. */
  readonly calls: readonly string[]
  /**
   * Lets through one by one until nothing waits any more, and nothing more is asked. Throws if no page comes up at all.
   */
  letThrough(): Promise<void>
  /** Everything goes its usual way again. */
  open(): Promise<void>
}

/** Rounds without anything to let through, after which nothing more is expected. */
const QUIET_ROUNDS = 3
const MOST_WAIT_MS = 5_000
const LONGEST_START_MS = 20_000
const MOST_ANSWERS = 30
/** A page whose style has not come draws nothing; it is not waited for longer than this. */
const LONGEST_DRAWING_MS = 1_000

/**
 * Holds calls of the API by the page that is opened next, and the parts of it that are asked for after the first of
 * them.
 * `lastFirst`: of those that wait, the one that was asked last.
 */
// size: what is held, and when, is one thing.
export async function letThroughOneByOne({ page }: Watched, lastFirst: boolean): Promise<Gate> {
  const waiting: (() => Promise<void>)[] = []
  let hasBegun = false
  // What the page before still asks for is not this page's: held, it would hold the scripts and the style of this one
  // too.
  let stage: 'before' | 'asked' | 'there' = 'before'
  const asked = new Map<any, string>()
  const onRequest = (request: any): void => {
    if (request.isNavigationRequest() && stage === 'before') stage = 'asked'
    asked.set(request, 'no answer')
  }
  const onEnd = (request: any): unknown => asked.set(request, request.failure()?.errorText ?? 'answered')
  const onFrame = (): void => {
    if (stage === 'asked') stage = 'there'
  }
  const watched = [
    ['request', onRequest],
    ['requestfinished', onEnd],
    ['requestfailed', onEnd],
    ['framenavigated', onFrame],
  ] as const
  for (const [event, listener] of watched) page.on(event, listener)
  const isGated = ({ pathname }: URL): boolean => {
    if (stage !== 'there') return false
    // Before a session is there, there is no page.
    if (pathname === '/auth/refresh') return false
    if (/^\/(?:admin|auth)\//.test(pathname)) return (hasBegun = true)
    return hasBegun && pathname.startsWith('/assets/')
  }
  const calls: string[] = []
  const kept: (() => void)[] = []
  const holding: Promise<void>[] = []
  const hold = (route: any): Promise<void> => {
    holding.push(holdOne(route))
    return holding.at(-1)!
  }
  const holdOne = async (route: any): Promise<void> => {
    const { pathname, search } = new URL(route.request().url())
    // What happens live makes pages look again, sooner or later by the clock; it never comes to an end, and comes last.
    if (pathname === '/admin/events') {
      await new Promise<void>((resolve) => kept.push(resolve))
      return route.continue()
    }
    if (!pathname.startsWith('/assets/')) calls.push(`${route.request().method()} ${pathname}${search}`)
    await new Promise<void>((resolve) => {
      waiting.push(async () => {
        const isThis = (request: any): boolean => request === route.request()
        const over = ['requestfinished', 'requestfailed'].map((event) =>
          page.waitForEvent(event, { predicate: isThis, timeout: MOST_WAIT_MS }),
        )
        resolve()
        // One that the page has taken back since ends in neither way.
        await Promise.any(over).catch((error: unknown) => {
          if (!(error instanceof AggregateError)) throw error
        })
      })
    })
    await route.continue()
  }
  async function describeStall(): Promise<string> {
    const locks = await page.evaluate(() => (globalThis as any).navigator.locks?.query())
    const requests = [...asked].map(([request, end]) => `${request.method()} ${request.url()}: ${end}`)
    return JSON.stringify({ address: page.url(), stage, requests, locks }, null, 1)
  }
  await page.route(isGated, hold)
  return {
    calls,
    async letThrough() {
      const heading = page.locator('h1').first()
      const deadline = performance.now() + LONGEST_START_MS
      while (waiting.length === 0 && !(await heading.isVisible())) {
        if (performance.now() > deadline) throw new Error(`No page came up. ${await describeStall()}`)
        await page.waitForTimeout(50)
      }
      // A page that looks again now and then is never quiet for good.
      for (let quiet = 0, left = MOST_ANSWERS; quiet < QUIET_ROUNDS && left > 0; quiet++) {
        await page.waitForTimeout(100)
        await drawTwice(page)
        const next = lastFirst ? waiting.pop() : waiting.shift()
        if (!next) continue
        await next()
        quiet = -1
        left--
      }
    },
    async open() {
      for (const [event, listener] of watched) page.off(event, listener)
      stage = 'before'
      for (const next of waiting.splice(0)) await next()
      for (const release of kept) release()
      await Promise.all(holding)
    },
  }
}

const drawTwice = (page: Watched['page']): Promise<void> =>
  page.evaluate(
    (longest: number) =>
      new Promise((resolve) => {
        const { requestAnimationFrame, setTimeout } = globalThis as any
        requestAnimationFrame(() => requestAnimationFrame(resolve))
        setTimeout(resolve, longest)
      }),
    LONGEST_DRAWING_MS,
  )
