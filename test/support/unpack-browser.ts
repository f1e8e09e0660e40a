// Unpacks the browser once, before the tests: two that do so at the same moment each find half of it.
import { browserInstalled, findBrowser } from './browser.ts'

/** Called by vitest before the first test. */
export async function setup(): Promise<void> {
  if (browserInstalled) await findBrowser()
}
