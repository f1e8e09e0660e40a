// A slow way to the server: every answer waits until the page has drawn what came before it.
import type { Watched } from './browser.ts'

export interface Gate {
  /** The calls of the API that were held. */
  readonly calls: readonly string[]
  /** Lets through one by one until nothing waits any more, and nothing more is asked. False if no page came up at all. */
  letThrough(): Promise<boolean>
  /** Everything goes its usual way again. */
  open(): Promise<void>
}

/** Rounds without anything to let through, after which nothing more is expected. */
const QUIET_ROUNDS = 3
const MOST_WAIT_MS = 5_000
const LONGEST_START_MS = 20_000
const MOST_ANSWERS = 30

/**
 * Holds calls of the API, and the parts of the page that are asked for after the first of them. `lastFirst`: of those that
 * wait, the one that was asked last.
 */
export async function letThroughOneByOne({ page }: Watched, lastFirst: boolean): Promise<Gate> {
  const waiting: (() => Promise<void>)[] = []
  let hasBegun = false
  const isGated = ({ pathname }: URL): boolean => {
    // What stays open never comes to an end; before a session is there, there is no page.
    if (pathname === '/admin/events' || pathname === '/auth/refresh') return false
    if (/^\/(?:admin|auth)\//.test(pathname)) return (hasBegun = true)
    return hasBegun && pathname.startsWith('/assets/')
  }
  const calls: string[] = []
  const hold = async (route: any): Promise<void> => {
    const { pathname, search } = new URL(route.request().url())
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
  await page.route(isGated, hold)
  return {
    calls,
    async letThrough() {
      const heading = page.locator('h1').first()
      const deadline = performance.now() + LONGEST_START_MS
      while (waiting.length === 0 && !(await heading.isVisible())) {
        if (performance.now() > deadline) return false
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
      return true
    },
    async open() {
      await page.unroute(isGated, hold)
      for (const next of waiting.splice(0)) await next()
    },
  }
}

const drawTwice = (page: Watched['page']): Promise<void> =>
  page.evaluate(
    () =>
      new Promise((resolve) =>
        (globalThis as any).requestAnimationFrame(() => (globalThis as any).requestAnimationFrame(resolve)),
      ),
  )
