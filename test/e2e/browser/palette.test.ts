// The keyboard from everywhere: the palette, g and a letter, search, help, and the switch for keys that disturb.
import { expect, test } from 'vitest'
import { describeDashboard } from '../../support/dashboard-suite.ts'

describeDashboard('the palette', (suite) => {
  const { expectClean } = suite

  test('pages are reached by typing and by letters; single keys can be switched off and stay off', async () => {
    const token = await suite.start()
    for (const label of ['Work account', 'Second account']) {
      await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label })
    }
    await suite.signIn('/routing')
    const heading = (title: string): any => suite.page.getByRole('heading', { name: title, level: 1 })
    const { keyboard } = suite.page
    await heading('Routing').waitFor()

    await keyboard.press('Control+k')
    await suite.page.getByRole('dialog', { name: 'Go to' }).waitFor()
    await expectClean()
    await keyboard.type('playgr')
    await keyboard.press('Enter')
    await heading('Playground').waitFor()
    await suite.page.getByRole('dialog').waitFor({ state: 'detached' })
    await expectClean()

    await keyboard.press('g')
    await keyboard.press('m')
    await heading('Models').waitFor()
    await suite.page.getByLabel('Search').waitFor()
    await keyboard.press('/')
    await expect
      .poll(() => suite.page.getByLabel('Search').evaluate((field: any) => field.matches(':focus')))
      .toBe(true)
    // Whoever writes is not disturbed.
    await keyboard.type('gr?')
    expect(await suite.page.getByLabel('Search').inputValue()).toBe('gr?')
    await heading('Models').click()

    // n writes something new where there is such a thing; j and k go through the rows.
    const readFocus = (): Promise<string> => suite.readFocus()
    await keyboard.press('g')
    await keyboard.press('k')
    await heading('Provider keys').waitFor()
    await suite.sees('Work account')
    await keyboard.press('n')
    expect(await readFocus()).toBe('Add a key')
    await heading('Provider keys').click()
    await keyboard.press('j')
    expect(await readFocus()).toBe('Test Work account')
    await keyboard.press('j')
    expect(await readFocus()).toBe('Test Second account')
    await keyboard.press('k')
    expect(await readFocus()).toBe('Test Work account')
    await expectClean()
    await keyboard.press('g')
    await keyboard.press('a')
    await suite.sees('No API keys yet')
    await keyboard.press('n')
    await suite.page.getByRole('dialog', { name: 'Create API key' }).waitFor()
    await expectClean()
    await keyboard.press('Escape')
    await suite.page.getByRole('dialog').waitFor({ state: 'detached' })
    await keyboard.press('g')
    await keyboard.press('m')
    await heading('Models').waitFor()

    await keyboard.press('?')
    const help = suite.page.getByRole('dialog', { name: 'Keyboard shortcuts' })
    await help.waitFor()
    await expectClean()
    await help.getByRole('switch').click()
    await help.getByRole('button', { name: 'Close' }).click()
    await suite.page.reload()
    await heading('Models').waitFor()
    await keyboard.press('?')
    await keyboard.press('g')
    await keyboard.press('r')
    await keyboard.press('Control+k')
    await suite.page.getByRole('dialog', { name: 'Go to' }).waitFor()
    expect(await suite.page.getByRole('dialog').count()).toBe(1)
    await keyboard.press('Escape')
    await heading('Models').waitFor()
    await expectClean()
  })
})
