// What was a while ago is said exactly to whoever points at it or comes there with the keyboard.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'

describeDashboard('tooltips', (suite) => {
  test.each([1280, 320])('by pointer and by keyboard, at %i px; Escape puts it away', async (width) => {
    const token = await suite.start()
    const { id } = await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work' })
    await suite.uniroute.call('POST', `/admin/provider-keys/${id}/test`, { token, body: {} })
    const { page } = await suite.signIn('/settings/provider-keys', 'Provider keys', { width, height: 800 })
    const words = page.getByText(/^Tested (?:now|\d+ seconds? ago|\d+ minutes? ago), \d+\sms$/)
    const tip = page.getByRole('tooltip')
    await words.hover()
    await tip.waitFor()
    expect(await tip.innerText()).toMatch(new RegExp(`${new Date().getFullYear()}.*\\d:\\d\\d:\\d\\d`))
    const box = await tip.boundingBox()
    expect([box.x >= 0, box.x + box.width <= width]).toEqual([true, true])
    await suite.expectClean()
    await page.mouse.move(0, 0)
    await tip.waitFor({ state: 'detached' })

    await words.focus()
    await tip.waitFor()
    expect(await words.getAttribute('aria-describedby')).toBe(await tip.getAttribute('id'))
    await page.keyboard.press('Escape')
    await tip.waitFor({ state: 'detached' })
    // It was not needed for that to leave the page.
    expect(await words.evaluate((one: any) => one === (globalThis as any).document.activeElement)).toBe(true)
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Tab')
    await tip.waitFor()
    await page.keyboard.press('Tab')
    await tip.waitFor({ state: 'detached' })
  })
})
