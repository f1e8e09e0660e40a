// Streams of 150 pieces, relayed and translated: all at once, or one piece each 20 ms as models speak.
import { sameBytes, type Scenario } from '../scenario.ts'
import { CLIENTS, PROVIDERS, type DialectId } from './dialects.ts'
import { writeText, writeWords } from './words.ts'

const WORDS = writeWords(150)
const QUESTION = writeText(760)
const GAP_MS = 20
const LONG_PROMPT = 110 * 1024

const PACES = {
  burst: { gapMs: 0, connections: 16, words: 'all at once' },
  paced: { gapMs: GAP_MS, connections: 100, words: `one each ${GAP_MS} ms, 100 streams` },
} as const

type Pace = keyof typeof PACES
type ProviderId = keyof typeof PROVIDERS

function createRelayed(
  id: string,
  pace: Pace,
  providerId: ProviderId,
  { question = QUESTION, said = WORDS }: { question?: string; said?: readonly string[] } = {},
): Scenario {
  const provider = PROVIDERS[providerId]
  const { gapMs, connections, words } = PACES[pace]
  const requestBody = CLIENTS[provider.dialect].writeRequest(provider.model, question, 400)
  const pieces = provider.writeEvents(said)
  return {
    id,
    summary: `a ${provider.dialect} stream of ${pieces.length} pieces, ${words}; ${Math.round(requestBody.length / 1024)} KB asked`,
    unit: 'chunk',
    unitsPerRequest: pieces.length,
    connections,
    path: provider.path,
    requestBody,
    provider: provider.id,
    upstreamPath: provider.path,
    answer: { contentType: 'text/event-stream', pieces, gapMs },
    checkRequest: sameBytes("the request's body", requestBody),
    checkAnswer: sameBytes('the stream', Buffer.concat(pieces)),
  }
}

/**
 * The client speaks another dialect than the provider: the text must be whole, and the end said in the client's words.
 */
function createTranslated(pace: Pace, client: DialectId, providerId: ProviderId): Scenario {
  const untranslated = createRelayed(nameRelayed(pace, providerId), pace, providerId)
  const { model } = PROVIDERS[providerId]
  const { path, writeRequest, readText, lastWords } = CLIENTS[client]
  const said = WORDS.join('')
  return {
    ...untranslated,
    id: `tr-${pace}-${client}-${PROVIDERS[providerId].id}`,
    summary: `${client} client, ${untranslated.summary}`,
    path: path(model),
    requestBody: writeRequest(model, QUESTION, 400),
    untranslated,
    // By targets of both kinds.
    checkRequest: (body) =>
      body.includes(JSON.stringify(QUESTION).slice(1, -1))
        ? null
        : 'the question is not in the request as it was asked',
    checkAnswer(body) {
      const text = body.toString('utf8')
      if (!text.slice(-2_000).includes(lastWords)) return `the stream does not end: ${text.slice(-200)}`
      const data = text.split('\n').filter((line) => line.startsWith('data: {'))
      const heard = data.map((line) => readText(JSON.parse(line.slice(6)))).join('')
      return heard === said ? null : `${heard.length} characters came, ${said.length} were sent`
    },
  }
}

function nameRelayed(pace: Pace, providerId: ProviderId): string {
  return providerId === 'openai' ? pace : `${pace}-${providerId}`
}

const ALL_PACES = Object.keys(PACES) as Pace[]
const ALL_PROVIDERS = Object.keys(PROVIDERS) as ProviderId[]
const VENDORS = [...new Set(ALL_PROVIDERS.map((id) => PROVIDERS[id].id))]

/** Every dialect of a client at every vendor: as it comes where the vendor speaks it, else translated. */
const PAIRS = (Object.keys(CLIENTS) as DialectId[]).flatMap((client) =>
  VENDORS.map((vendor) => {
    const own = ALL_PROVIDERS.filter((id) => PROVIDERS[id].id === vendor)
    return { client, vendor, relayedBy: own.find((id) => PROVIDERS[id].dialect === client), asked: own[0]! }
  }),
)

function createPair(pace: Pace, { client, relayedBy, asked }: (typeof PAIRS)[number]): Scenario {
  return relayedBy === undefined
    ? createTranslated(pace, client, asked)
    : createRelayed(nameRelayed(pace, relayedBy), pace, relayedBy)
}

/** What a chunk costs must not hang on how many there are. */
export const EVENT_COUNTS = [10, 100, 1_000, 10_000] as const

export const STREAMS: readonly Scenario[] = [
  ...ALL_PACES.flatMap((pace) => PAIRS.map((pair) => createPair(pace, pair))),
  createRelayed('long-chat', 'burst', 'openai', { question: writeText(LONG_PROMPT) }),
  ...EVENT_COUNTS.map((count) => createRelayed(`events-${count}`, 'burst', 'openai', { said: writeWords(count) })),
]
