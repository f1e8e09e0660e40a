// The keyboard from everywhere: the palette, g and a letter, search, help, and the switch for keys that disturb.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, browserInstalled, dashboardBuilt, launchBrowser, type Watched } from '../../support/browser.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'

const canRun = browserInstalled && dashboardBuilt
const name = canRun ? 'the palette' : 'the palette: run `npm test`, which installs the browser and builds it'

describe.skipIf(!canRun)(name, () => {
  let browser: Browser
  let uniroute: UniRoute
  let tab: Watched

  beforeAll(async () => {
    browser = await launchBrowser()
    uniroute = await startUniRoute()
  })
  afterAll(async () => {
    await tab?.close()
    await browser?.close()
    await uniroute?.stop()
    uniroute?.remove()
  })

  async function expectClean(): Promise<void> {
    expect(await tab.runAxe()).toEqual([])
    expect(await tab.scrollsSideways()).toBe(false)
    expect(tab.problems).toEqual([])
  }

  test('pages are reached by typing and by letters; single keys can be switched off and stay off', async () => {
    tab = await browser.open(`${uniroute.url}/routing`)
    await tab.page.getByLabel('E-mail').fill(uniroute.adminAccount.email)
    await tab.page.getByLabel('Password', { exact: true }).fill(uniroute.adminAccount.password)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    const heading = (title: string): any => tab.page.getByRole('heading', { name: title, level: 1 })
    const { keyboard } = tab.page
    await heading('Routing').waitFor()

    await keyboard.press('Control+k')
    await tab.page.getByRole('dialog', { name: 'Go to' }).waitFor()
    await expectClean()
    await keyboard.type('playgr')
    await keyboard.press('Enter')
    await heading('Playground').waitFor()
    await tab.page.getByRole('dialog').waitFor({ state: 'detached' })

    await keyboard.press('g')
    await keyboard.press('m')
    await heading('Models').waitFor()
    await tab.page.getByLabel('Search').waitFor()
    await keyboard.press('/')
    await expect.poll(() => tab.page.getByLabel('Search').evaluate((field: any) => field.matches(':focus'))).toBe(true)
    // Whoever writes is not disturbed.
    await keyboard.type('gr?')
    expect(await tab.page.getByLabel('Search').inputValue()).toBe('gr?')
    await heading('Models').click()

    await keyboard.press('?')
    const help = tab.page.getByRole('dialog', { name: 'Keyboard shortcuts' })
    await help.waitFor()
    await expectClean()
    await help.getByRole('switch').click()
    await help.getByRole('button', { name: 'Close' }).click()
    await tab.page.reload()
    await heading('Models').waitFor()
    await keyboard.press('?')
    await keyboard.press('g')
    await keyboard.press('r')
    await keyboard.press('Control+k')
    await tab.page.getByRole('dialog', { name: 'Go to' }).waitFor()
    expect(await tab.page.getByRole('dialog').count()).toBe(1)
    await keyboard.press('Escape')
    await heading('Models').waitFor()
    await expectClean()
  })
})
