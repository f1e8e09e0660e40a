// The clients of the benchmark, a process of their own: so many connections, each sending the next request as soon as
// the last is answered, and looking at every answer. A failure is counted and told; it never counts as a request.
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { findScenario } from '../scenarios.ts'
import { HeldStreams } from './hold.ts'
import { HttpReader, type Message } from './http-reader.ts'
import { pace } from './pace.ts'
import { serveParent } from './parent.ts'

export interface LoadSetting {
  readonly variant: 'as-asked' | 'untranslated'
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
}

export interface LoadReport {
  /** Answered in full and right. */
  readonly requests: number
  readonly failures: number
  /** Of the first few failures. */
  readonly sentences: readonly string[]
  /** From the first request to the last answer. */
  readonly milliseconds: number
}

const MOST_SENTENCES = 5
const STAGGERED_GAPS = 5
const { variant, port, headers } = JSON.parse(process.argv[3] ?? '') as LoadSetting
const found = findScenario(process.argv[2])
const scenario = variant === 'untranslated' ? found.untranslated! : found
const headerLines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
const request = Buffer.concat([
  Buffer.from(
    `POST ${scenario.path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${headerLines.join('')}` +
      `content-type: application/json\r\naccept: */*\r\nuser-agent: bench\r\n` +
      `content-length: ${scenario.requestBody.length}\r\n\r\n`,
  ),
  scenario.requestBody,
])

const heldStreams = new HeldStreams({ request, open: openConnection, check: checkMessage })

serveParent({
  start: () => ({}),
  open: (count) => heldStreams.open(Number(count)),
  finish: () => heldStreams.finish(),
  load: (milliseconds) => load(Number(milliseconds)),
  pace: (setting) =>
    pace(
      { request, connections: scenario.connections, open: openConnection, check: checkMessage },
      setting as { perSecond: number; milliseconds: number },
    ),
})

async function load(milliseconds: number): Promise<LoadReport> {
  const tally = { requests: 0, failures: 0, sentences: [] as string[] }
  const sockets = await Promise.all(Array.from({ length: scenario.connections }, openConnection))
  const startedAt = performance.now()
  const deadline = startedAt + milliseconds
  // Streams that all speak in the same moment would flatter everybody.
  const stagger = (place: number): number => (place / sockets.length) * scenario.answer.gapMs * STAGGERED_GAPS
  await Promise.all(
    sockets.map(async (socket, place) => {
      if (scenario.answer.gapMs > 0) await sleep(stagger(place))
      await keepAsking(socket, deadline, tally)
    }),
  )
  const took = performance.now() - startedAt
  for (const socket of sockets) socket.destroy()
  return { ...tally, milliseconds: took }
}

function openConnection(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

/** Ends with the first answer after the deadline, or with the connection. */
function keepAsking(
  socket: Socket,
  deadline: number,
  tally: { requests: number; failures: number; sentences: string[] },
): Promise<void> {
  return new Promise((resolve) => {
    let over = false
    const end = (): void => {
      over = true
      resolve()
    }
    const fail = (sentence: string): void => {
      if (over) return
      tally.failures++
      if (tally.sentences.length < MOST_SENTENCES) tally.sentences.push(sentence)
      end()
    }
    const take = (message: Message): void => {
      const wrong = checkMessage(message)
      if (wrong !== null) return fail(wrong)
      tally.requests++
      if (performance.now() < deadline) socket.write(request)
      else end()
    }
    const reader = new HttpReader(take)
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk)
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error))
      }
    })
    socket.on('error', (error) => fail(`the connection broke: ${error.message}`))
    socket.on('close', () => fail('the connection was closed in the middle'))
    socket.write(request)
  })
}

function checkMessage({ head, body }: Message): string | null {
  const status = head.slice(9, 12)
  if (status !== '200') return `status ${status}: ${body.toString('utf8', 0, 300)}`
  return scenario.checkAnswer(body)
}
