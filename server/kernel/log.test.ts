// Log lines: one JSON object each on stderr, or one readable line; fields that carry credentials by their names are
// blanked.
import fs from 'node:fs'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { createLog } from './log.ts'
import { Secret } from './secret.ts'

let written: { fd: number; text: string }[]
beforeEach(() => {
  written = []
  vi.spyOn(fs, 'writeSync').mockImplementation(((fd: number, text: string | Uint8Array) => {
    written.push({ fd, text: Buffer.from(text as string).toString('utf8') })
    return Buffer.byteLength(text as string)
  }) as typeof fs.writeSync)
})
const lines = (): string[] => written.map(({ text }) => text)
const last = (): Record<string, unknown> => JSON.parse(lines().at(-1)!) as Record<string, unknown>

describe('a log', () => {
  test('writes objects to stderr at once, without process id and host name', () => {
    createLog({ level: 'info' }).info({ a: 1 }, 'words')
    expect(written.map(({ fd }) => fd)).toEqual([2])
    expect(last()).toEqual({ level: 30, time: expect.any(Number), a: 1, msg: 'words' })
    expect(lines()[0]!.endsWith('}\n')).toBe(true)
  })

  test('leaves out what is below its level', () => {
    const log = createLog({ level: 'warn' })
    log.info('not this')
    log.warn('this')
    expect(lines()).toHaveLength(1)
  })

  test.each(['authorization', 'cookie', 'password', 'api_key', 'token', 'secret'])(
    'blanks a field named %s',
    (name) => {
      createLog({ level: 'info' }).info({ headers: { [name]: 'sk-1', other: 'kept' } })
      expect(last()['headers']).toEqual({ [name]: '[redacted]', other: 'kept' })
    },
  )

  test('shows nothing of a Secret', () => {
    createLog({ level: 'info' }).info({ value: new Secret('sk-1') })
    expect(last()['value']).toBe('[redacted]')
  })
})

describe('a pretty log', () => {
  const pretty = (level: string, write: (log: ReturnType<typeof createLog>) => void): string => {
    write(createLog({ level, pretty: true }))
    expect(written.map(({ fd }) => fd)).toEqual([2])
    return lines().join('')
  }

  test('is time, level, words and fields in one line', () => {
    expect(pretty('info', (log) => log.info({ a: 1, b: 'x' }, 'words'))).toMatch(
      /^\d\d:\d\d:\d\d info words \{"a":1,"b":"x"\}\n$/,
    )
  })

  test('has no fields and no words where there are none', () => {
    expect(pretty('info', (log) => log.info('words'))).toMatch(/^\d\d:\d\d:\d\d info words\n$/)
  })

  test('blanks the same fields', () => {
    expect(pretty('info', (log) => log.info({ a: { token: 'sk-1' } }))).toMatch(
      / info {2}\{"a":\{"token":"\[redacted\]"\}\}\n$/,
    )
  })

  test.each(['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)('names the level %s', (level) => {
    expect(pretty('trace', (log) => log[level]('words'))).toContain(` ${level} words\n`)
  })

  test('shows the time of the entry', () => {
    vi.spyOn(Date, 'now').mockReturnValue(Date.parse('2026-01-02T03:04:05.678Z'))
    expect(pretty('info', (log) => log.info('words'))).toBe('03:04:05 info words\n')
  })
})
