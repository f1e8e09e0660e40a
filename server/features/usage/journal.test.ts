// The journal on a real file system: lines, segments, locks, adoption, full disks.
import { spawn, type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../kernel/clock.ts'
import { createLog } from '../../kernel/log.ts'
import { decodeLines, encodeLine } from './journal-lines.ts'
import { createJournal, type Journal } from './journal.ts'

const log = createLog({ level: 'silent' })
let directory: string
const opened: Journal[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'uniroute-journal-'))
})

afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close()
  rmSync(directory, { recursive: true, force: true })
})

function openJournal(segmentBytes = 4096): Journal {
  const journal = createJournal({ directory, clock: systemClock, log, segmentBytes })
  opened.push(journal)
  return journal
}

function files(): string[] {
  return readdirSync(directory).sort()
}

function segmentFiles(): string[] {
  return files().filter((name) => /\.\d+$/.test(name))
}

describe('lines', () => {
  test('any texts come back as they were, between any zeros', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 200 }).map((value) => JSON.stringify({ value }))
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.nat(40))), (parts) => {
        const buffer = Buffer.alloc(200_000)
        let offset = 0
        for (const [json, hole] of parts) offset += encodeLine(json, buffer, offset) + hole
        expect(decodeLines(buffer)).toEqual({ lines: parts.map(([json]) => json), damaged: 0 })
      }),
    )
  })

  test('a line cut at any byte is ignored, those before and after it count', () => {
    const buffer = Buffer.alloc(1000)
    const first = encodeLine('{"a":1}', buffer, 0)
    const second = encodeLine('{"b":2}', buffer, first)
    for (let cut = first; cut < first + second; cut++) {
      const torn = Buffer.from(buffer)
      torn.fill(0, cut)
      expect(decodeLines(torn).lines).toEqual(['{"a":1}'])
    }
    const overwritten = Buffer.from(buffer)
    overwritten.fill(0, 4, 10)
    expect(decodeLines(overwritten)).toEqual({ lines: ['{"b":2}'], damaged: 1 })
  })

  test('a flipped bit anywhere loses that line and no other', () => {
    const buffer = Buffer.alloc(100)
    const length = encodeLine('{"value":"äöü"}', buffer, 0)
    const after = encodeLine('{"after":1}', buffer, length)
    for (let bit = 0; bit < length * 8; bit++) {
      const flipped = Buffer.from(buffer.subarray(0, length + after))
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(decodeLines(flipped).lines.filter((line) => line !== '{"after":1}')).toEqual([])
    }
  })

  test('a line that does not fit is not begun', () => {
    const buffer = Buffer.alloc(40)
    expect(encodeLine('{"value":"0123456789012345678901234567890"}', buffer, 0)).toBe(0)
    expect(encodeLine('"ääääääääääääääää"', buffer, 0)).toBe(0)
    expect(buffer.every((byte) => byte === 0)).toBe(true)
  })
})

describe('segments', () => {
  test('are written full of zeros ahead, one more than needed, for their owner only', async () => {
    openJournal()
    await expect.poll(() => segmentFiles().length).toBe(2)
    await expect.poll(() => segmentFiles().map((name) => statSync(join(directory, name)).size)).toEqual([4096, 4096])
    for (const name of files()) expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600)
  })

  test('a pushed line can be read from the file at once', () => {
    const journal = openJournal()
    const segment = journal.append('{"n":1}')
    expect(decodeLines(readFileSync(segment.path)).lines).toEqual([])
    journal.push()
    expect(decodeLines(readFileSync(segment.path)).lines).toEqual(['{"n":1}'])
  })

  test('lines keep their order over segments and each is in one of them whole', async () => {
    const journal = openJournal()
    const lines = Array.from({ length: 500 }, (_, n) => JSON.stringify({ n, pad: 'x'.repeat(n % 90) }))
    for (const line of lines) {
      journal.append(line)
      if (Math.random() < 0.3) journal.push()
    }
    journal.push()
    const read = await Promise.all(journal.segments().map((segment) => journal.read(segment)))
    expect(read.flatMap((part) => part.lines)).toEqual(lines)
    expect(read.some((part) => part.damaged > 0)).toBe(false)
  })

  test('a full segment is deleted with its last needed line, not before', async () => {
    const journal = openJournal()
    const line = JSON.stringify('x'.repeat(1000))
    const segments = Array.from({ length: 12 }, () => journal.append(line))
    journal.push()
    const first = segments.filter((segment) => segment === segments[0])
    expect(first.length).toBe(4)
    for (const segment of first.slice(1)) journal.unpin(segment)
    expect(files()).toContain(segments[0]!.path.split('/').at(-1))
    journal.unpin(first[0]!)
    await expect.poll(files).not.toContain(segments[0]!.path.split('/').at(-1))
  })

  test('closing with nothing needed leaves nothing behind', async () => {
    const journal = openJournal()
    const segment = journal.append('{}')
    journal.push()
    journal.unpin(segment)
    await journal.close()
    await expect.poll(files).toEqual([])
  })
})

describe('adoption', () => {
  test("a living process's journal is left alone", () => {
    openJournal().append('{"n":1}')
    const before = segmentFiles().length
    expect(openJournal().adopt()).toEqual([])
    expect(segmentFiles().length).toBeGreaterThanOrEqual(before)
  })

  test('what a closed journal still needed is taken over in order, and its names go', async () => {
    const first = openJournal()
    const lines = Array.from({ length: 300 }, (_, n) => JSON.stringify({ n, pad: 'y'.repeat(50) }))
    for (const line of lines) first.append(line)
    await first.close()
    const second = openJournal()
    const adopted = second.adopt()
    const read = await Promise.all(adopted.map((segment) => second.read(segment)))
    expect(read.flatMap((part) => part.lines)).toEqual(lines)
    expect(files().filter((name) => name.includes(first.bootId))).toEqual([])
    for (const segment of adopted) second.removeAdopted(segment)
    expect(segmentFiles().every((name) => name.includes(second.bootId))).toBe(true)
  })

  test('segments without a lock file, and strange files, do no harm', () => {
    writeFileSync(join(directory, 'journal-01ARZ3NDEKTSV4RRFFQ69G5FAV.7'), '')
    writeFileSync(join(directory, 'journal-notes.txt'), 'mine')
    const adopted = openJournal().adopt()
    expect(adopted.length).toBe(1)
    expect(files()).toContain('journal-notes.txt')
  })

  test('after a crash half-way through taking over, lines are still in order', async () => {
    const first = openJournal()
    const lines = Array.from({ length: 300 }, (_, n) => JSON.stringify({ n, pad: 'y'.repeat(50) }))
    for (const line of lines) first.append(line)
    await first.close()
    // The second process renamed only the last two segments.
    const second = '7ZZZZZZZZZZZZZZZZZZZZZZZZZ'
    const numbers = segmentFiles()
      .map((name) => Number(name.split('.')[1]))
      .sort((a, b) => a - b)
    for (const number of numbers.slice(-2)) {
      renameSync(
        join(directory, `journal-${first.bootId}.${number}`),
        join(directory, `journal-${second}.${number + 5}`),
      )
    }
    const third = openJournal()
    const read = await Promise.all(third.adopt().map((segment) => third.read(segment)))
    expect(read.flatMap((part) => part.lines)).toEqual(lines)
  })
})

const WRITER = `
  import { createJournal } from ${JSON.stringify(new URL('./journal.ts', import.meta.url).href)}
  const clock = { now: Date.now, monotonic: () => performance.now() }
  const log = { info() {}, warn() {}, error() {} }
  const journal = createJournal({ directory: process.argv[1], clock, log, segmentBytes: 65536 })
  console.log('ready')
  process.stdin.on('data', (data) => {
    for (const _ of data.toString().trim().split('\\n')) {
      try {
        const segment = journal.append(JSON.stringify('x'.repeat(30000)), 20000)
        journal.push({ undo: segment })
        console.log('written')
      } catch (error) {
        console.log(error.code ?? error.stack)
      }
    }
  })
`

describe('in another process', () => {
  let child: ChildProcess | undefined
  let answers: AsyncIterator<string>

  async function startWriter(): Promise<void> {
    child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    expect(await nextAnswer()).toBe('ready')
  }

  async function nextAnswer(): Promise<string | undefined> {
    return (await answers.next()).value
  }

  async function askToWrite(): Promise<string | undefined> {
    child!.stdin!.write('go\n')
    return nextAnswer()
  }

  afterEach(async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })

  test('a journal is adopted once its process is killed, not before', async () => {
    await startWriter()
    expect(await askToWrite()).toBe('written')
    const mine = openJournal()
    expect(mine.adopt()).toEqual([])
    child!.kill('SIGKILL')
    await once(child!, 'exit')
    const lines = await Promise.all(mine.adopt().map((segment) => mine.read(segment)))
    expect(lines.flatMap((part) => part.lines).length).toBe(1)
  })

  const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0
  test.skipIf(!hasPrlimit)(
    'without space calls are refused before they are made; with space again they go on (needs prlimit)',
    async () => {
      await startWriter()
      const limit = (bytes: string) =>
        expect(spawnSync('prlimit', ['--pid', String(child!.pid), `--fsize=${bytes}:unlimited`]).status).toBe(0)
      expect(await askToWrite()).toBe('written')
      limit('63000')
      const said: (string | undefined)[] = []
      for (let i = 0; i < 8; i++) said.push(await askToWrite())
      expect(said.at(-1)).toBe('storage_full')
      expect(new Set(said)).toEqual(new Set(['written', 'storage_full']))
      limit('unlimited')
      await expect.poll(askToWrite, { interval: 50, timeout: 10_000 }).toBe('written')
    },
  )
})
