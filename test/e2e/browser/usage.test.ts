// Usage in a real browser: round midnight in two time zones days, table, total and file are the same; a tiny cost is
// never none and an unknown one never $0. After every step the page is clean.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase } from '../../../server/database/database.ts'
import { createRandom, makeRequest } from '../../../server/features/usage/testing.ts'
import { meetOnce } from '../../support/browser.ts'
import { describeDashboard } from '../../support/dashboard-suite.ts'

const DAY = '2026-03-11'
const DAYS = ['2026-03-09', '2026-03-10', '2026-03-11', '2026-03-12'] as const
const MODELS = ['gpt-5', 'gpt-5-mini', 'tiny', 'unpriced'] as const
const MIDNIGHT = Date.parse(`${DAY}T00:00:00Z`)

describeDashboard('usage', (suite) => {
  /** Requests of the administrator, one each ten minutes round midnight of UTC, with their calls. */
  async function fillLedger(): Promise<void> {
    const token = await suite.start()
    await suite.uniroute.addProviderKey(token, 'openai', suite.newKey(), { label: 'Work' })
    const { body } = await suite.uniroute.call('GET', '/auth/profile', { token })
    const random = createRandom(5)
    const rows = Array.from({ length: 90 }, (_, i) => {
      const model = MODELS[i % 4]!
      const cost = { 'gpt-5': 41_234_567, 'gpt-5-mini': 1_234_567, tiny: 21, unpriced: null }[model]!
      return makeRequest(random, {
        created_at: MIDNIGHT + (i - 45) * 600_000,
        user_id: body.id ?? body.user.id,
        api_key_id: null,
        provider: 'openai',
        model,
        attempts: 1,
        billed_to: 'user',
        provider_key_id: null,
        fallback: 'none',
        cost_usd_nanos: cost ?? null,
        cost_source: cost === null ? 'unknown' : 'computed',
      })
    })
    const calls = rows.map((row) => ({
      request_id: row.id,
      attempt: 1,
      created_at: row.created_at,
      user_id: row.user_id,
      provider: 'openai',
      model: row.model,
      dialect: 'openai-chat',
      billed_to: 'user',
      status: row.status,
      outcome: 'done',
      input_tokens: row.input_tokens,
      output_tokens: row.output_tokens,
      cost_usd_nanos: row.cost_usd_nanos,
      cost_source: row.cost_source,
      duration_ms: 1,
    }))
    const file = readdirSync(suite.uniroute.dataDir).find((entry) => entry.endsWith('.db'))!
    const database = await openDatabase({ file: join(suite.uniroute.dataDir, file) })
    await database.insertMany([
      { table: 'attempts', rows: calls },
      { table: 'requests', rows },
    ])
    await database.close()
  }

  const addressOf = (zone: string): string => `/usage?range=days&from=2026-03-09&to=2026-03-12&zone=${zone}&sort=name`
  const table = (label: RegExp): any => suite.page.getByRole('table', { name: label })
  async function readColumn(of: any, column: string, part: 'tbody' | 'tfoot' = 'tbody'): Promise<string[]> {
    const names: string[] = await of.locator('thead th').allInnerTexts()
    const place = names.findIndex((one) => one.trim() === column) + 1
    expect(place).toBeGreaterThan(0)
    return of.locator(`${part} tr td:nth-child(${place}) > :last-child`).allInnerTexts()
  }
  /**
   * What is written, to the digits it is written with, is what the lines of the file add up to; never none for a
   * little.
   */
  function expectSameCost(shown: string, inFile: readonly string[], what: string): void {
    const nanos = inFile.reduce((sum, text) => sum + BigInt(text.replace('.', '')), 0n)
    const figure = /\$([\d,]+(?:\.\d+)?)/.exec(shown)?.[1]?.replace(/,/g, '')
    expect(figure, `${what}: ${shown}`).toBe((Number(nanos) / 1e9).toFixed(figure?.split('.')[1]?.length ?? 0))
    if (nanos > 0n) expect(shown, what).toMatch(/[1-9]/)
  }
  const add = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + Number(text.replace(/,/g, '')), 0)

  test('days, table, total and file are the same in two time zones; small costs show, unknown ones say so', async () => {
    await fillLedger()
    const splits = new Set<string>()
    for (const zone of ['UTC', 'America/New_York']) {
      await suite.signIn(addressOf(zone), 'Usage')
      const { page } = suite.tab
      const calls: string[] = []
      page.on('request', (request: any) => /\/admin\/usage/.test(request.url()) && calls.push(request.url()))
      await page.reload()
      const groups = table(/^Usage by Model$/)
      await groups.waitFor()
      await suite.sees(new RegExp(`9 Mar 2026|Mar 9, 2026.*${zone.replaceAll('_', ' ')}`))
      expect(calls).toHaveLength(1)
      const [total] = await readColumn(groups, 'Requests', 'tfoot')
      expect(add(await readColumn(groups, 'Requests'))).toBe(90)
      expect(total).toBe('90')
      const costs = await readColumn(groups, 'Cost')
      expect(costs).toEqual([
        expect.stringMatching(/^\$0\.\d/),
        expect.stringMatching(/^\$0\.\d/),
        expect.stringMatching(/^\$0\.0{6}\d*[1-9]/),
        'Unknown',
      ])
      await suite.expectClean()
      await page.getByRole('tab', { name: 'Requests', exact: true }).click()
      await suite.press('View as table')
      const days = table(/^Requests, /)
      const perDay = await Promise.all(MODELS.map((model) => readColumn(days, model)))
      expect(perDay.reduce((sum, column) => sum + add(column), 0)).toBe(90)
      splits.add(JSON.stringify(perDay))
      await suite.expectClean()
      const csv = await suite.saveFile('Save as CSV')
      const [head, ...lines] = csv
        .trimEnd()
        .split('\r\n')
        .map((line) => line.split(','))
      const inFile = (column: string, only: Readonly<Record<string, string>> = {}): string[] =>
        lines
          .filter((line) => Object.entries(only).every(([name, value]) => line[head!.indexOf(name)] === value))
          .map((line) => line[head!.indexOf(column)]!)
      // Each day of each model, as the chart draws it, is the file's.
      for (const [at, model] of MODELS.entries()) {
        const ofFile = DAYS.map((day) => add(inFile('requests', { model, day })))
        expect(perDay[at]!.map(Number), `${model}, requests by day`).toEqual(ofFile)
      }
      await page.getByRole('tab', { name: 'Cost', exact: true }).click()
      await suite.press('View as table')
      const daysOfCost = table(/^Cost, /)
      for (const model of MODELS.filter((one) => one !== 'unpriced')) {
        const shown = await readColumn(daysOfCost, model)
        for (const [at, day] of DAYS.entries()) expectSameCost(shown[at]!, inFile('cost_usd', { model, day }), model)
      }
      for (const [at, model] of MODELS.entries()) {
        if (model !== 'unpriced') expectSameCost(costs[at]!, inFile('cost_usd', { model }), model)
      }
      const [totalCost] = await readColumn(groups, 'Cost', 'tfoot')
      expectSameCost(totalCost!, inFile('cost_usd'), 'the total')
      expect(add(inFile('requests'))).toBe(90)
      expect(new Set(inFile('time_zone'))).toEqual(new Set([zone]))
      const token = await suite.uniroute.login()
      const { body } = await suite.uniroute.call(
        'GET',
        `/admin/usage?from=2026-03-09&to=2026-03-12&time_zone=${zone}`,
        {
          token,
        },
      )
      const nanos = inFile('cost_usd').reduce((sum, text) => sum + BigInt(text.replace('.', '')), 0n)
      expect(nanos).toBe(BigInt(body.total.cost_usd_nanos))
      await suite.expectClean()
      await suite.tab.close()
    }
    expect(splits.size).toBe(2)
  })

  test('every chart, by keyboard, and on a phone in the dark: it fits, and the filters stay in the address', async () => {
    await fillLedger()
    await suite.signIn(addressOf('Europe/Berlin'), 'Usage', { width: 320, height: 700, theme: 'dark' })
    const { page } = suite.tab
    await table(/^Usage by Model$/).waitFor()
    for (const tab of ['Tokens', 'Errors by kind', 'Time to finish', 'Time to first token']) {
      await page.getByRole('tab', { name: tab, exact: true }).click()
      await suite.expectClean()
    }
    await page.getByRole('group', { name: /^Chart; the left/ }).focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    await page
      .getByRole('status')
      .filter({ hasText: /Mar 10|10 Mar/ })
      .waitFor({ state: 'attached' })
    await suite.press('Filters')
    await page.getByLabel('Group by').selectOption('billed_to')
    await table(/^Usage by Who paid$/).waitFor()
    expect(page.url()).toContain('group=billed_to')
    await suite.expectClean()
    await page.getByLabel('Model', { exact: true }).fill('no-such-model')
    await page.keyboard.press('Tab')
    await suite.sees('Nothing used')
    await suite.expectClean()
    await page.reload()
    await suite.sees('Nothing used')
    await suite.press('Clear filters')
    await table(/^Usage by Who paid$/).waitFor()
  })

  test('a server that fails: the cause, the id of the call, and another try; what was there stays', async () => {
    await fillLedger()
    await suite.signIn(addressOf('UTC'), 'Usage', { expect: /503/ })
    const { page } = suite.tab
    await table(/^Usage by Model$/).waitFor()
    const body = JSON.stringify({ error: 'The database is away.', code: 'storage_unavailable' })
    await meetOnce(page, '**/admin/usage?**', (route) =>
      route.fulfill({ status: 503, contentType: 'application/json', headers: { 'x-request-id': 'req_away' }, body }),
    )
    await page.getByLabel('Group by').selectOption('provider')
    await suite.sees('The database is away.')
    await suite.sees('req_away')
    await suite.expectClean()
    await suite.press('Try again')
    await table(/^Usage by Provider$/).waitFor()
    await suite.expectClean()
  })
})
