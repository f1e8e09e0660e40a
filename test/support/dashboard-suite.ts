// What all journeys through the dashboard have in common: a server with a fake provider, people who sign in, hands on
// the page, and what must hold on every page at any moment. A suite fails for a page that it visits and never looks at
// whole.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { createFakeKey, listFakeSecrets, rememberSecret, type Vendor } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import {
  type Browser,
  browserInstalled,
  dashboardBuilt,
  launchBrowser,
  type OpenOptions,
  type Watched,
} from './browser.ts'
import { startUniRoute, type UniRoute, type UniRouteOptions } from './uniroute-process.ts'

/** The narrowest window that everything fits into (WCAG 1.4.10). */
const NARROWEST = 320

interface Person {
  readonly email: string
  readonly password: string
}

export interface TabOptions extends OpenOptions {
  /** Where the dashboard is, when not at the server's own address. */
  readonly at?: string
  /** Another tab beside the one that the hands stay on. */
  readonly beside?: boolean
}

export interface DashboardSuite extends Hands {
  readonly fake: FakeProvider
  readonly uniroute: UniRoute
  /** The tab that the hands are on. */
  readonly tab: Watched
  /** Playwright's page of it. */
  readonly page: Watched['page']
  /** Starts a server; the administrator's token. */
  start(options?: Omit<UniRouteOptions, 'fake'>): Promise<string>
  open(path: string, options?: TabOptions): Promise<Watched>
  /** Opens an address and signs in there, as the administrator or as `who`; waits for the heading if one is named. */
  signIn(path: string, heading?: string, options?: TabOptions & { readonly who?: Person }): Promise<Watched>
  /** Fills the sign-in form of the page that is open. */
  enter(who?: Person, watched?: Watched): Promise<void>
  newKey(scenario?: string, vendor?: Vendor): string
  /** A secret that one answer, and the page while `shows` is said, may show. */
  shownOnce(secret: string): string
  /** The whole of what holds on every page; `shows`: a secret that is shown once stands there now. */
  expectClean(watched?: Watched, now?: { readonly shows?: boolean }): Promise<void>
  /** Done after the test, when its tabs are closed. */
  atEnd(act: () => void | Promise<void>): void
}

interface Hands {
  press(button: string | RegExp, watched?: Watched): Promise<void>
  sees(text: string | RegExp, watched?: Watched): Promise<void>
  heading(text: string | RegExp, watched?: Watched): Promise<void>
  dialog(watched?: Watched): any
  /** An entry of the menu behind "More actions for …". */
  choose(label: string, entry: string, watched?: Watched): Promise<void>
  /** As a person pastes: through the clipboard event of the field. */
  paste(label: string, secret: string, watched?: Watched): Promise<void>
  /** What has the focus, by its name. */
  readFocus(watched?: Watched): Promise<string>
  /** What a press of that button saves, as text. */
  saveFile(button: string): Promise<string>
}

/**
 * A block of journeys; without a browser or a build they are named as not run, and why. `lookedAtIn`: the suite that
 * looks at all pages whole, where this one visits every page for something else.
 */
export function describeDashboard(
  what: string,
  tell: (suite: DashboardSuite) => void,
  { lookedAtIn }: { readonly lookedAtIn?: 'every-page.test.ts' } = {},
): void {
  const canRun = browserInstalled && dashboardBuilt
  const name = canRun ? what : `${what}: run \`npm test\`, which installs the browser and builds the dashboard`
  describe.skipIf(!canRun)(name, () => {
    const room = createRoom(lookedAtIn === undefined)
    beforeAll(() => room.open())
    afterEach(() => room.tidy())
    afterAll(() => room.close())
    tell(createSuite(room))
  })
}

interface Room {
  fake: FakeProvider
  browser: Browser
  uniroute: UniRoute | undefined
  current: Watched | undefined
  readonly tabs: Watched[]
  readonly shownOnce: Set<string>
  readonly looked: Set<string>
  readonly atEnd: (() => void | Promise<void>)[]
  open(): Promise<void>
  tidy(): Promise<void>
  close(): Promise<void>
}

function createRoom(mustLook: boolean): Room {
  const visited = new Set<string>()
  const room: Room = {
    fake: undefined as never,
    browser: undefined as never,
    uniroute: undefined,
    current: undefined,
    tabs: [],
    shownOnce: new Set(),
    looked: new Set(),
    atEnd: [],
    async open() {
      room.fake = await startFakeProvider()
      room.browser = await launchBrowser()
    },
    async tidy() {
      const tabs = room.tabs.splice(0)
      try {
        for (const tab of tabs) {
          for (const path of tab.visited) visited.add(path)
          expect(tab.problems).toEqual([])
        }
      } finally {
        for (const tab of tabs) if (!tab.isClosed) await tab.close()
        room.current = undefined
        for (const act of room.atEnd.splice(0)) await act()
        await room.uniroute?.stop()
        room.uniroute?.remove()
        room.uniroute = undefined
      }
    },
    async close() {
      await room.browser?.close()
      await room.fake?.close()
      if (mustLook) expect([...visited].filter((path) => !room.looked.has(path))).toEqual([])
    },
  }
  return room
}

function createSuite(room: Room): DashboardSuite {
  const current = (): Watched => {
    if (!room.current) throw new Error('No tab is open.')
    return room.current
  }
  const hands = createHands(current)
  const server = (): UniRoute => {
    if (!room.uniroute) throw new Error('No server was started.')
    return room.uniroute
  }

  async function open(path: string, options: TabOptions = {}): Promise<Watched> {
    const address = /^https?:/.test(path) ? path : `${options.at ?? server().url}${path}`
    const tab = await room.browser.open(address, options)
    room.tabs.push(tab)
    if (!options.beside || !room.current) room.current = tab
    return tab
  }

  async function expectClean(watched = current(), { shows = false } = {}): Promise<void> {
    const path = new URL(watched.page.url()).pathname
    expect(await watched.runAxe(), `axe at ${path}`).toEqual([])
    expect(await watched.scrollsSideways(), `sideways at ${path}`).toBe(false)
    expect(await watched.scrollsSideways(NARROWEST), `sideways at ${path}, ${NARROWEST} px`).toBe(false)
    expect(watched.problems).toEqual([])
    expect(await watched.findLeaks(listFakeSecrets(), room.shownOnce, shows)).toEqual([])
    room.looked.add(path)
  }

  async function enter(who: Person = server().adminAccount, watched = current()): Promise<void> {
    await watched.page.getByLabel('E-mail').fill(who.email)
    await watched.page.getByLabel('Password', { exact: true }).fill(who.password)
    // The page before every other is looked at once in each suite.
    if (!room.looked.has(new URL(watched.page.url()).pathname)) await expectClean(watched)
    await hands.press('Sign in', watched)
  }

  return {
    ...hands,
    get fake() {
      return room.fake
    },
    get uniroute() {
      return server()
    },
    get tab() {
      return current()
    },
    get page() {
      return current().page
    },
    async start(options = {}) {
      room.uniroute = await startUniRoute({ ...options, fake: room.fake })
      return room.uniroute.login()
    },
    open,
    enter,
    async signIn(path, heading, { who, ...options } = {}) {
      const tab = await open(path, options)
      await enter(who, tab)
      if (heading !== undefined) await hands.heading(heading, tab)
      return tab
    },
    newKey: (scenario = 'ok', vendor = 'openai') => createFakeKey(vendor, scenario),
    shownOnce(secret) {
      room.shownOnce.add(secret)
      return rememberSecret(secret)
    },
    expectClean,
    atEnd: (act) => void room.atEnd.push(act),
  }
}

function createHands(current: () => Watched): Hands {
  const press = (button: string | RegExp, watched = current()): Promise<void> =>
    watched.page.getByRole('button', { name: button, exact: true }).click()
  return {
    press,
    sees: (text, watched = current()) => watched.page.getByText(text).first().waitFor(),
    heading: (text, watched = current()) => watched.page.getByRole('heading', { name: text, exact: true }).waitFor(),
    dialog: (watched = current()) => watched.page.getByRole('dialog'),
    async choose(label, entry, watched = current()) {
      await press(`More actions for ${label}`, watched)
      await watched.page.getByRole('menuitem', { name: entry }).click()
    },
    paste: (label, secret, watched = current()) =>
      watched.page.getByLabel(label, { exact: true }).evaluate((field: any, text: string) => {
        const data = new (globalThis as any).DataTransfer()
        data.setData('text/plain', text)
        field.dispatchEvent(
          new (globalThis as any).ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
        )
      }, secret),
    readFocus: (watched = current()) =>
      watched.page.evaluate(() => {
        const { activeElement: at } = (globalThis as any).document
        return at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent.trim()
      }),
    async saveFile(button) {
      const [saved] = await Promise.all([current().page.waitForEvent('download'), press(button)])
      return readFileSync(await saved.path(), 'utf8')
    },
  }
}
