// Law 5, field by field: whatever a client of one dialect may write in a request either changes what the provider of
// another dialect is asked, or is named as lost or changed, or refuses the crossing. For every field of every dialect,
// towards every other dialect and every kind of model it has.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CannotCross, createLossReport } from '../../server/protocols/codec.ts'
import { LOSS_NAMES } from '../../server/protocols/losses.ts'
import {
  decodeRequest,
  type Dialect,
  DIALECTS,
  encodeRequest,
  type Json,
  MODELS,
  PAIRS,
  profileFor,
} from '../support/cross-dialect.ts'
import { readRecordings, recordingsAvailable, warnWithoutRecordings } from '../support/recordings.ts'
import { PLAIN_REQUESTS, REQUEST_FIELDS, ROUTED_FIELDS } from '../support/request-fields.ts'
import type { RequestField } from '../support/request-fields/field.ts'

interface Crossed {
  readonly body: string
  /** `dropped seed`, `approximated tier`. */
  readonly losses: readonly string[]
}

function cross(from: Dialect, to: Dialect, body: Json, which: number): Crossed | CannotCross {
  const losses = createLossReport()
  try {
    const request = decodeRequest(from, body, losses)
    const encoded = encodeRequest(to, request, losses, profileFor(to, which))
    return {
      // The gateway's own part of the answer is a carried wish too.
      body: JSON.stringify([encoded.body, encoded.enforceStop]),
      losses: losses.losses.map(({ action, path }) => `${action} ${path}`),
    }
  } catch (error) {
    if (error instanceof CannotCross) return error
    throw error
  }
}

function check(field: RequestField, from: Dialect, to: Dialect, which: number): void {
  const plain = cross(from, to, { ...PLAIN_REQUESTS[from], ...field.beside }, which)
  const asked = cross(from, to, { ...PLAIN_REQUESTS[from], ...field.with }, which)
  if (asked instanceof CannotCross) {
    expect(asked.message.length).toBeGreaterThan(20)
    return
  }
  if (plain instanceof CannotCross) throw new Error(`without the field it is refused: ${plain.message}`)
  const told = asked.losses.filter((loss) => !plain.losses.includes(loss))
  const names = told.map((loss) => loss.split(' ')[1])
  expect(
    names.filter((name) => !(field.losses as readonly (string | undefined)[]).includes(name)),
    `${told.join(', ')} told of ${field.name}`,
  ).toEqual([])
  if (asked.body === plain.body && !field.mayBeSo)
    expect(told, `${field.name} changes nothing and nothing is told`).not.toEqual([])
}

describe.each(PAIRS)('from %s to %s', (from, to) => {
  const models = MODELS[to].map(([model], which) => [model, which] as const)
  describe.each(models)('%s', (_model, which) => {
    test.each(REQUEST_FIELDS[from].map((field) => [field.name, field] as const))('%s', (_name, field) => {
      check(field, from, to, which)
    })
  })
})

describe('a wish for thoughts, however much', () => {
  const wishes: readonly (readonly [Dialect, Json])[] = [
    ['openai-chat', { enable_thinking: true }],
    ['anthropic-messages', { thinking: { type: 'adaptive' } }],
  ]
  const thoughtless = DIALECTS.flatMap((to) =>
    MODELS[to].flatMap(([model], which) =>
      profileFor(to, which).thinking === 'none' ? [[to, model, which] as const] : [],
    ),
  )
  test.each(thoughtless)('is lost on %s with %s, and said so', (to, _model, which) => {
    for (const [from, wish] of wishes) {
      if (from === to) continue
      expect(cross(from, to, { ...PLAIN_REQUESTS[from], ...wish }, which)).toMatchObject({
        losses: ['dropped thinking'],
      })
    }
  })
})

describe('the list of fields', () => {
  if (!recordingsAvailable) warnWithoutRecordings('every-field.test.ts: fields of recorded requests')

  test.runIf(recordingsAvailable)('has what recorded clients send', () => {
    const CLIENTS: Readonly<Record<string, Dialect>> = {
      'openai-responses': 'openai-responses',
      'anthropic-messages': 'anthropic-messages',
      'gemini-generate': 'gemini',
      'gemini-stream': 'gemini',
    }
    const unlisted = readRecordings().flatMap(({ file, requestBody }) => {
      const dialect = CLIENTS[file]
      if (!dialect || !requestBody) return []
      const listed = new Set(REQUEST_FIELDS[dialect].map(({ name }) => name.split('.')[0]))
      return Object.keys(requestBody).filter((field) => !listed.has(field) && !ROUTED_FIELDS.has(field))
    })
    expect([...new Set(unlisted)]).toEqual([])
  })
})

describe('the names of losses', () => {
  /** Names that the code says itself: of a loss it reports, of a lesson it learns. */
  const said = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|testing\.ts$/.test(file))
      .flatMap((file) => [
        ...readFileSync(join(folder, file), 'utf8').matchAll(
          /(?:(?:drop|approximate|put)\(\s*|noteAdjusted\(exchange, \[|(?:name: |const BRIDGE = |const STRIP_STATE = |media: ))'([a-z_0-9]+)'/g,
        ),
      ])
      .flatMap(([, name]) => name ?? [])

  test('are all in use: the code says them, or a field of a request is lost under them', () => {
    const used = new Set([...said('server/protocols'), ...said('server/gateway')])
    for (const [from, to] of PAIRS) {
      for (const { with: fields } of REQUEST_FIELDS[from]) {
        for (const which of MODELS[to].keys()) {
          const crossed = cross(from, to, { ...PLAIN_REQUESTS[from], ...fields }, which)
          if (!(crossed instanceof CannotCross)) for (const loss of crossed.losses) used.add(loss.split(' ')[1]!)
        }
      }
    }
    expect([...LOSS_NAMES].filter((name) => !used.has(name))).toEqual([])
  })
})
