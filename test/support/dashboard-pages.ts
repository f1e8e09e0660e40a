// Every page of the dashboard, with its tabs, by address; and when one of them has arrived.
import type { Watched } from './browser.ts'

/** For people who are not signed in. */
export const OPEN_PAGES = ['/sign-in', '/register', '/reset', '/settings/nothing', '/reset#a-code'] as const

export const PAGES = [
  '/',
  '/playground?model=gpt-4o',
  '/models',
  '/models?model=gpt-4o',
  '/settings/provider-keys',
  '/settings/api-keys',
  '/settings/profile',
  '/routing?tab=fallback',
  '/routing?tab=order',
  '/routing?tab=models',
  '/routing?tab=simulator&model=gpt-4o',
  '/team',
  '/team?tab=shared',
  '/team?tab=keys',
  '/team?tab=roles',
  '/usage',
  '/requests',
  '/audit',
  '/operator/users',
  '/operator/server-keys',
  '/operator/encryption',
  '/operator/health',
  '/operator/settings',
  '/join#a-code',
] as const

/** The sum of what has moved by itself on the page so far, as browsers measure it. */
export function readShift({ page }: Watched): Promise<number> {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const observer = new (globalThis as any).PerformanceObserver((list: any) => finish(list.getEntries()))
        const finish = (entries: any[]): void => {
          observer.disconnect()
          resolve(entries.reduce((sum, entry) => sum + (entry.hadRecentInput ? 0 : entry.value), 0))
        }
        observer.observe({ type: 'layout-shift', buffered: true })
        // Nothing is told where nothing moved.
        ;(globalThis as any).setTimeout(() => finish(observer.takeRecords()), 100)
      }),
  )
}

/** Nothing is being loaded any more, and everything has its last shape. */
export async function waitUntilSettled({ page }: Watched): Promise<void> {
  await page.locator('h1').first().waitFor()
  await page.waitForFunction(() => {
    const { document } = globalThis as any
    return document.querySelector('.waits, [aria-busy=true]') === null && document.fonts.status === 'loaded'
  })
  await page.evaluate(
    () =>
      new Promise((resolve) =>
        (globalThis as any).requestAnimationFrame(() => (globalThis as any).requestAnimationFrame(resolve)),
      ),
  )
}
