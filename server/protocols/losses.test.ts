import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../test/support/properties.ts'
import type { Loss } from './canonical.ts'
import { createLossReport } from './codec.ts'
import { LOSS_NAMES, lossOfField, writeWarnings, type LossName } from './losses.ts'

const NAMES = [...LOSS_NAMES] as LossName[]

describe('the warnings', () => {
  test('name what was dropped, what is near, and what was adjusted, each once', () => {
    const report = createLossReport()
    report.drop('seed', 'a')
    report.drop('tier', 'a')
    report.drop('seed', 'b')
    report.approximate('thinking_budget', 'c')
    expect(writeWarnings(report.losses, new Set(['chat_to_responses']))).toEqual([
      'dropped=seed,tier',
      'approx=thinking_budget',
      'adjusted=chat_to_responses',
    ])
    expect(report.losses[0]).toMatchObject({ why: 'a; b' })
    expect(writeWarnings([], new Set())).toEqual([])
  })

  test('fit into 1 KB in whole names, however many there are, and say nothing that is not in the table', () => {
    const loss = fc.record({
      path: fc.constantFrom(...NAMES),
      action: fc.constantFrom<Loss['action']>('dropped', 'approximated'),
      why: fc.string(),
    })
    fc.assert(
      fc.property(fc.array(loss, { maxLength: 300 }), fc.subarray(NAMES), (losses, adjusted) => {
        const header = writeWarnings(losses, new Set(adjusted)).join(';')
        expect(header.length).toBeLessThanOrEqual(1024)
        expect(header).toMatch(/^(?:(?:dropped|approx|adjusted)=[a-z_0-9]+(?:,[a-z_0-9]+)*(?:;(?!$)|$))*$/)
        const said = header.split(';').flatMap((part) => part.split('=')[1]?.split(',') ?? [])
        expect(said.filter((name) => !LOSS_NAMES.has(name))).toEqual([])
        const short = losses.length + adjusted.length <= 20
        if (short) for (const { path } of losses) expect(said).toContain(path)
      }),
      RUNS,
    )
  })
})

test('a name is one word in snake case, and short', () => {
  for (const name of NAMES) expect(name).toMatch(/^[a-z][a-z_0-9]{2,24}$/)
})

describe('a field that only one dialect has', () => {
  test.each([
    ['safetySettings', 'safety_settings'],
    ['safety_settings', 'safety_settings'],
    ['service_tier', 'tier'],
    ['reasoning_context', 'reasoning_options'],
    ['speechConfig', 'media'],
    ['never_heard_of', 'other_fields'],
    ['constructor', 'other_fields'],
    ['a\r\nset-cookie: b', 'other_fields'],
  ])('%j is called %s', (field, name) => {
    expect(lossOfField(field)).toBe(name)
  })
})
