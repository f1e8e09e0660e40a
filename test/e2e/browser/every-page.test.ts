// Every page in every look: both colours, three widths, and with texts two fifths longer. The regular run sees each
// page in each colour and at each width, but not in all of their pairs, and what opens on a page at the narrowest; the
// nightly run sees all. With UNIROUTE_PICTURES naming a folder, a picture of each is kept there, of all looks.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Watched } from '../../support/browser.ts'
import { OPEN_PAGES, PAGES, readShift, waitUntilSettled } from '../../support/dashboard-pages.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'
import { LIVED_IN_NAMES, liveIn } from '../../support/lived-in.ts'
import { buildPseudo, listClippedTexts, listPlainTexts } from '../../support/pseudo-build.ts'

/**
 * How much of a page may move while it comes (cumulative layout shift), however its answers come; layout-shift.test.ts
 * chooses that.
 */
const MOST_SHIFT = 0.02
const WIDTHS = [1280, 375, 320] as const
const PICTURES = process.env['UNIROUTE_PICTURES']
const ALL_LOOKS = process.env['EVERY_LOOK'] === 'all' || PICTURES !== undefined
/** What stands where depends on the width, contrast on the colour. */
const LOOKS = [
  ['light', ALL_LOOKS ? WIDTHS : [1280, 320]],
  ['dark', ALL_LOOKS ? WIDTHS : [375]],
] as const
const DIALOG_WIDTHS = ALL_LOOKS ? WIDTHS : [320]

/** What is no text of the dashboard: names, addresses, figures, and what `Intl` writes. */
const DATA = [
  ...LIVED_IN_NAMES,
  // Dialects, and names of what is noted.
  /openai-chat|[a-z-]+\.[a-z-]+/,
  /UniRoute|OpenAI|openai|Anthropic|anthropic|Google|google|SQLite|English|UTC/,
  /Chrome, Linux|Mozilla.*|node/,
  // On keyboards.
  /Ctrl/,
  /(?:admin|user-[0-9a-f]{8})(?:@example\.com)?/,
  /(?:openai\/)?(?:gpt|claude|gemini|text-embedding|o4)-[\w.*-]+/,
  /(?:pk|req)_…|…\w{4}/,
  /\d+(?:\.\d+)?\s(?:ms|s|min|hr?|days?)\b/,
  /\d+ (?:second|minute|hour|day|month)s? ago|in \d+ (?:day|hour|minute)s?|now|yesterday|tomorrow/,
  /Jan\w*|Feb\w*|Mar\w*|Apr\w*|May|Jun\w*|Jul\w*|Aug\w*|Sep\w*|Oct\w*|Nov\w*|Dec\w*|AM|PM|at/,
  /, and|or/,
  // Regions, and what providers call their efforts.
  /[A-Z]\w+(?:\/[\w-]+(?: [\w-]+)*)+/,
  /none|minimal|low|medium|high|xhigh|max/,
]
  .map((one) => (typeof one === 'string' ? one : one.source))
  .join('|')

/** Dialogs and sheets: the page, and for each of them what is pressed to get there; `key:` on the keyboard. */
const menu = (entry: number, of = 'main [aria-haspopup=menu]'): string[] => [of, `[role=menuitem] >> nth=${entry}`]
const PHONE = 'phone'
const DIALOGS: readonly [string, ...string[][]][] = [
  ['/', ['key:Control+k'], ['key:?'], [PHONE, '[aria-haspopup=dialog]']],
  [
    '/playground?model=gpt-4o',
    ['main button[aria-pressed] + button'],
    [PHONE, 'main button[aria-pressed] ~ button >> nth=-1'],
  ],
  ['/models', ['main button'], ['main button', '[role=dialog] button >> nth=-2']],
  ['/settings/provider-keys', ['[aria-keyshortcuts=r]'], menu(0), menu(1), menu(-2), menu(-1)],
  ['/settings/api-keys', ['main button'], menu(0), menu(1), menu(-1)],
  ['/settings/profile', ['main section:has(h2) >> nth=2 >> button'], ['main button >> nth=-1']],
  ['/team', ['main [data-new]'], menu(0), menu(1), menu(2), menu(-2), menu(-1)],
  [
    '/team?tab=shared',
    ['main [data-new]'],
    ['main article button >> nth=0'],
    menu(0, 'main article [aria-haspopup=menu]'),
    menu(-1, 'main article [aria-haspopup=menu]'),
  ],
  ['/requests', ['tbody tr button']],
  ['/audit', ['tbody tr button']],
  ['/operator/users', ['main button'], menu(0), menu(-1)],
]

describeDashboard('every page', (suite) => {
  async function picture(watched: Watched, name: string): Promise<void> {
    if (PICTURES === undefined) return
    mkdirSync(PICTURES, { recursive: true })
    const file = `${name.replaceAll(/[^a-z0-9]+/gi, '-').replaceAll(/^-|-$/g, '') || 'overview'}.png`
    await watched.page.screenshot({ path: join(PICTURES, file), fullPage: true })
  }
  async function goTo(tab: Watched, path: string): Promise<void> {
    await tab.page.goto(`${suite.uniroute.url}${path}`)
    await waitUntilSettled(tab)
    expect(new URL(tab.page.url()).pathname).toBe(path.replace(/[?#].*/, ''))
  }
  const ERRORS = /40[0-9]|ApiError/

  async function begin(): Promise<void> {
    await suite.start({ serverKeys: { openai: suite.newKey('operator'), google: suite.newKey('operator', 'google') } })
    await liveIn(suite.uniroute, suite.fake)
  }

  test.each(LOOKS)('%s: no finding and nothing sideways at %s px', { timeout: 400_000 }, async (theme, widths) => {
    await begin()
    const tab = await suite.open('/sign-in', { theme, expect: ERRORS })
    const moved: string[] = []
    const look = async (path: string): Promise<void> => {
      await tab.page.setViewportSize({ width: theme === 'light' ? 1280 : 375, height: 900 })
      await goTo(tab, path)
      const shift = await readShift(tab)
      if (shift > MOST_SHIFT) moved.push(`${path}: ${shift.toFixed(3)}`)
      for (const width of widths) {
        await tab.page.setViewportSize({ width, height: 900 })
        await waitUntilSettled(tab)
        await picture(tab, `${path} ${theme} ${width}`)
        expect(await tab.runAxe(), `${path} at ${width}`).toEqual([])
        expect(await tab.scrollsSideways(), `${path} at ${width}`).toBe(false)
      }
      await suite.expectClean(tab)
    }
    for (const path of OPEN_PAGES) await look(path)
    await tab.page.goto(`${suite.uniroute.url}/sign-in`)
    await suite.enter()
    await suite.heading('Overview')
    for (const path of PAGES) await look(path)
    expect(moved).toEqual([])
  })

  test(
    'with texts two fifths longer none is cut off, and every one comes from the file of texts',
    { timeout: 400_000 },
    async () => {
      await begin()
      const build = await buildPseudo()
      suite.atEnd(() => build.remove())
      const tab = await suite.open('/sign-in', { expect: ERRORS, before: (page) => build.serve(page) })
      const known = new RegExp(DATA, 'u')
      const problems: string[] = []
      const measure = async (what: string, widths: readonly number[]): Promise<void> => {
        for (const width of widths) {
          await tab.page.setViewportSize({ width, height: 900 })
          await waitUntilSettled(tab)
          await picture(tab, `${what} pseudo ${width}`)
          const found = [
            ...(await listClippedTexts(tab)),
            ...(width === widths[0] ? await listPlainTexts(tab, known) : []),
          ]
          problems.push(...found.map((one) => `${what} at ${width}: ${one}`))
          if (await tab.scrollsSideways()) problems.push(`${what} at ${width}: scrolls sideways`)
        }
        await tab.page.setViewportSize({ width: 1280, height: 900 })
      }
      const look = async (path: string): Promise<void> => {
        await goTo(tab, path)
        await measure(path, WIDTHS)
      }
      for (const path of OPEN_PAGES) await look(path)
      await tab.page.goto(`${suite.uniroute.url}/sign-in`)
      await tab.page.locator('input[type=email]').fill(suite.uniroute.adminAccount.email)
      await tab.page.locator('input[type=password]').fill(suite.uniroute.adminAccount.password)
      await tab.page.locator('button[type=submit]').click()
      await tab.page.waitForURL(`${suite.uniroute.url}/`)
      for (const path of PAGES) await look(path)
      for (const [path, ...ways] of DIALOGS) {
        for (const way of ways) {
          await goTo(tab, path)
          for (const step of way) {
            if (step === PHONE) await tab.page.setViewportSize({ width: 375, height: 900 })
            else if (step.startsWith('key:')) await tab.page.keyboard.press(step.slice(4))
            else await tab.page.locator(step).first().click()
          }
          await tab.page.getByRole('dialog').waitFor()
          await waitUntilSettled(tab)
          await measure(`${path} ${way.join(' ')}`, DIALOG_WIDTHS)
        }
      }
      expect(problems).toEqual([])
    },
  )
})
