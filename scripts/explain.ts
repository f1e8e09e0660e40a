// `npm run explain -- <from> <to> < request.json`: how a request written in one dialect is said in another. Prints, as
// JSON, the canonical form, what would be sent, what is lost on the way, and what a refusal says. Nothing is sent.
import { createHash } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { createProfiles } from '../server/catalog/profiles.ts'
import { CannotCross, createLossReport } from '../server/protocols/codec.ts'
import { CODECS } from '../server/protocols/codecs.ts'
import type { ProtocolId } from '../server/protocols/protocol.ts'
import { asObject, parseJson } from '../server/protocols/read.ts'
import { CHAT_DIALECT_NAMES, CONSERVATIVE_SERVER, findChatServer } from '../server/providers/chat-dialects.ts'

const SENDERS = Object.keys(CODECS) as ProtocolId[]
const RECEIVERS = SENDERS.filter((id) => id !== 'uniroute-chat')
const USAGE = `Usage: npm run explain -- <from> <to> [--model <name>] [--server <kind>] [--stream] < request.json
  <from>    ${SENDERS.join(', ')}
  <to>      ${RECEIVERS.join(', ')}
  --model   the name at the provider; needed where the request names none (gemini)
  --server  whose peculiarities an openai-chat server has: ${CHAT_DIALECT_NAMES.join(', ')}`

interface Wish {
  readonly from: ProtocolId
  readonly to: ProtocolId
  readonly model: string | null
  readonly server: string
  readonly stream: boolean
}

/** What a request becomes, or why it cannot. */
export function explainRequest(body: Readonly<Record<string, unknown>>, wish: Wish): Record<string, unknown> {
  const model = wish.model ?? (typeof body['model'] === 'string' ? body['model'] : 'unnamed')
  const losses = createLossReport()
  const { chatDialect } = findChatServer(wish.server) ?? CONSERVATIVE_SERVER
  try {
    const canonical = CODECS[wish.from].decodeRequest(body, {
      model,
      stream: wish.stream || body['stream'] === true,
      openEnvelope: () => null,
      losses,
    })
    const output = CODECS[wish.to].encodeRequest(canonical, {
      profile: createProfiles().profileOf('explain', model, chatDialect),
      provider: 'explain',
      account: '',
      stream: canonical.stream,
      hash8: (value) => createHash('sha256').update(value).digest('hex').slice(0, 8),
      losses,
    })
    const names = Object.fromEntries(output.toolNames)
    return { canonical, output: output.body, toolNames: names, enforceStop: output.enforceStop, losses: losses.losses }
  } catch (error) {
    if (!(error instanceof CannotCross)) throw error
    return { refused: { code: error.code, path: error.path, message: error.message }, losses: losses.losses }
  }
}

/** The wish as written on the command line; a text says what is wrong with it. */
export function readWish(words: readonly string[]): Wish | string {
  const ids: string[] = []
  let model: string | null = null
  let server = 'conservative'
  let stream = false
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!
    if (word === '--stream') stream = true
    else if (word === '--model') model = words[++index] ?? null
    else if (word === '--server') server = words[++index] ?? ''
    else ids.push(word)
  }
  const from = SENDERS.find((id) => id === ids[0])
  const to = RECEIVERS.find((id) => id === ids[1])
  if (!from || !to || ids.length !== 2) return USAGE
  if (!findChatServer(server)) return `No kind of server is called "${server}".\n${USAGE}`
  return { from, to, model, server, stream }
}

async function main(): Promise<void> {
  const wish = readWish(process.argv.slice(2))
  const body = typeof wish === 'string' ? null : asObject(parseJson(await text(process.stdin)))
  if (typeof wish === 'string' || !body) {
    process.stderr.write(
      `${typeof wish === 'string' ? wish : 'Standard input must hold a request: one JSON object.'}\n`,
    )
    process.exitCode = 64
    return
  }
  process.stdout.write(`${JSON.stringify(explainRequest(body, wish), null, 2)}\n`)
}

if (import.meta.main) await main()
