// What journeys through the dashboard have in common: a server with a fake provider, a person who signs in, and what must
// hold on every page at any moment.
import { expect } from 'vitest'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { type Browser, launchBrowser, type Watched } from './browser.ts'
import { startUniRoute, type UniRoute, type UniRouteOptions } from './uniroute-process.ts'

export interface Journey {
  readonly fake: FakeProvider
  readonly uniroute: UniRoute
  readonly tab: Watched
  /** Looked for in page, address, storage and answers whenever the page is checked. */
  readonly secrets: string[]
  start(options?: Omit<UniRouteOptions, 'fake'>): Promise<UniRoute>
  /** Opens an address of the dashboard and signs in as the administrator. */
  signIn(path: string, heading: string, options?: Parameters<Browser['open']>[1]): Promise<void>
  expectClean(): Promise<void>
  press(button: string): Promise<void>
  sees(text: string | RegExp): Promise<void>
  /** What a press of that button saves, as text. */
  saveFile(button: string): Promise<string>
  /** Ends the server and the tab. */
  stop(): Promise<void>
  close(): Promise<void>
}

export async function openJourney(readText: (path: string) => string): Promise<Journey> {
  const fake = await startFakeProvider()
  const browser = await launchBrowser()
  const secrets: string[] = []
  let uniroute: UniRoute
  let tab: Watched

  return {
    fake,
    secrets,
    get uniroute() {
      return uniroute
    },
    get tab() {
      return tab
    },
    async start(options = {}) {
      uniroute = await startUniRoute({ ...options, fake })
      return uniroute
    },
    async signIn(path, heading, options) {
      tab = await browser.open(`${uniroute.url}${path}`, options)
      await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
      await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
      await tab.page.getByRole('button', { name: 'Sign in' }).click()
      await tab.page.getByRole('heading', { name: heading, exact: true }).waitFor()
    },
    async expectClean() {
      expect(await tab.runAxe()).toEqual([])
      expect(await tab.scrollsSideways()).toBe(false)
      expect(tab.problems).toEqual([])
      for (const secret of secrets) expect(await tab.findSecret(secret)).toEqual([])
    },
    press: (button) => tab.page.getByRole('button', { name: button, exact: true }).click(),
    sees: (text) => tab.page.getByText(text).first().waitFor(),
    async saveFile(button) {
      const [saved] = await Promise.all([
        tab.page.waitForEvent('download'),
        tab.page.getByRole('button', { name: button, exact: true }).click(),
      ])
      return readText(await saved.path())
    },
    async stop() {
      await tab?.close()
      await uniroute?.stop()
      uniroute?.remove()
      secrets.length = 0
    },
    async close() {
      await browser.close()
      await fake.close()
    },
  }
}
