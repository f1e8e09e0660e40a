// A stream that begins to speak and then thinks: what thousands of open ones cost in memory.
import type { Scenario } from '../scenario.ts'
import { sameBytes } from '../scenario.ts'
import { CLIENTS, PROVIDERS } from './dialects.ts'
import { writeWords } from './words.ts'

/** One that thinks: its silence may last ten minutes, which opening so many takes on a slow machine. */
const MODEL = 'gpt-5'
const { path, writeEvents } = PROVIDERS.openai
const requestBody = CLIENTS.chat.writeRequest(MODEL, 'Which houses were registered in 1834?', 400)
const pieces = writeEvents(writeWords(20))
const isWhole = sameBytes('the stream', Buffer.concat(pieces))

/** Silence may have been filled with comments, which are no part of what the provider said. */
function withoutComments(body: Buffer): Buffer {
  const events = body.toString('latin1').split('\n\n')
  return Buffer.from(events.filter((event) => !event.startsWith(':')).join('\n\n'), 'latin1')
}

export const IDLE: Scenario = {
  id: 'idle-streams',
  summary: 'memory of a stream that has begun and is silent, over the process at rest',
  unit: 'chunk',
  unitsPerRequest: pieces.length,
  connections: 100,
  path,
  requestBody,
  provider: 'openai',
  upstreamPath: path,
  answer: { contentType: 'text/event-stream', pieces, gapMs: 0, held: 2 },
  checkRequest: sameBytes("the request's body", requestBody),
  checkAnswer: (body) => isWhole(withoutComments(body)),
}
