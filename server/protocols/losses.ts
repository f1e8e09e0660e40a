// The names of everything that may get lost on the way between two dialects, and what each means. They stand in
// `x-uniroute-warnings`, in receipts and in the refusals of strict mode, so a fact has one name whichever pair of
// dialects loses it; `docs/warnings.md` is this table. Snake case; where a field has the name, its commonest one.
import { toSnake } from './read.ts'

export const LOSS_GROUPS = {
  'How the answer is drawn': {
    temperature: 'How random the answer is.',
    top_p: 'Nucleus sampling.',
    top_k: 'How many tokens are drawn from.',
    frequency_penalty: 'A penalty on tokens by how often they were said.',
    presence_penalty: 'A penalty on tokens that were said at all.',
    logit_bias: 'Weights of single tokens.',
    seed: 'The wish for repeatable answers.',
    logprobs: 'Log probabilities of tokens, and how many of the likeliest.',
    sampling: 'The model was found to take no sampling parameters, or only one of temperature and top_p.',
  },
  'How much is thought and said': {
    effort: 'How much to think, as a word: the nearest word was sent, or none.',
    thinking_budget: 'How much to think, in tokens: a word or another number was sent, or a number for a word.',
    thinking: 'Whether to think at all: this model cannot, cannot leave it, or not in this turn.',
    thoughts: 'Thoughts in plain words, of earlier turns or of the answer.',
    reasoning_state: 'Sealed reasoning of another provider or account, or a seal that cannot be opened here.',
    thought_signature: 'A stand-in was put where the model wants the signature of a thought.',
    reasoning_options: 'Further wishes for reasoning that one dialect has, such as the kind of summary.',
    verbosity: 'How wordy the answer is.',
    max_tokens: 'The most output tokens: the nearest number the provider takes was sent.',
    stop: 'More stop sequences than the provider takes; the gateway looks for the others itself.',
  },
  'What the answer looks like': {
    response_format: 'JSON, or JSON by a schema: asked for in words or by a tool where the model has no such format.',
    schema: 'Keywords of a JSON schema that the provider does not take: said in words, or simplified.',
    text_options: 'Further wishes for the text of the answer that one dialect has.',
    media: 'Pictures, sound or files in an answer whose dialect has no place for them.',
    citations: 'Sources that cannot be said in the other dialect.',
    finish_reason: 'Why the answer ended: the nearest word was said.',
    tool_calls: 'Calls beyond the one that the older form has room for.',
    include: 'Further things to be included in the answer.',
    stream_options: 'How the stream is framed.',
  },
  'What the conversation holds': {
    system: 'A system message in a place, or of a kind, that the model does not take: said as user text, or left out.',
    assistant_media: 'Pictures or files of the assistant: sent as the user’s.',
    compaction: 'The summary of a conversation that was made short: passed on as text.',
    provider_items: 'What a provider’s own tools did, and kinds of content that only its dialect has.',
    message_fields: 'Fields of messages, parts, calls and results that only one dialect has, or nobody knows.',
    image_detail: 'How closely to look at an image.',
    filename: 'The name of a file, or of a picture.',
    media_resolution: 'At which resolution media are read.',
    video_metadata: 'Which part of a video is read, and at how many frames.',
    audio_timestamp: 'Time marks in sound.',
    tool_arguments: 'Arguments of an earlier call that are no JSON object: passed on as text.',
    tool_result: 'A call without a result was given an error in its place, or a second result was left out.',
  },
  Tools: {
    tool_choice: 'Which tool must be called.',
    parallel_tool_calls: 'Whether several tools may be called at once.',
    strict: 'Arguments strictly by their schema.',
    web_search: 'The provider’s own search of the web, or limits on it.',
    builtin_tools: 'Tools that only their own provider runs.',
    tool_config: 'Further settings of tools, and of the choice among them, that one dialect has, or nobody knows.',
    tool_fields: 'Fields of a tool that only one dialect has, or nobody knows.',
    max_tool_calls: 'The most calls of the provider’s own tools.',
    defer_loading: 'Tools that are loaded only when they are searched for: all are declared.',
    input_examples: 'Examples of a tool’s input.',
    allowed_callers: 'Who may call a tool.',
    eager_input_streaming: 'Arguments of calls streamed before they are checked.',
  },
  Caches: {
    cache_control: 'A cache breakpoint.',
    cache_ttl: 'How long a cache lives: the nearest time was sent.',
    prompt_cache_key: 'What keeps similar requests on one cache.',
    prompt_cache_options: 'How the cache works.',
    prompt_cache_retention: 'How long the cache is kept.',
  },
  'How it is served': {
    tier: 'The service tier: the nearest was sent, or none.',
    speed: 'Faster answers of the same model, at another price.',
    user: 'Who the end user is.',
    user_profile_id: 'A profile of the end user that the provider stores.',
    metadata: 'The client’s own labels.',
    labels: 'The client’s own labels.',
    store: 'Whether the provider keeps the answer.',
    prediction: 'Words the answer is expected to repeat.',
    moderation: 'A check of the conversation by the provider.',
    safety_settings: 'How strictly the provider filters.',
    model_armor_config: 'A filter of the provider’s cloud.',
    inference_geo: 'In which region the model runs.',
    access_programs: 'Programs for vetted users.',
    diagnostics: 'What the provider tells about its caches and routes.',
    fallbacks: 'Other models of the same provider to fall back to.',
    fallback_credit_token: 'A credit for a fallback.',
    context_management: 'How the provider shortens a long conversation.',
    truncation: 'Whether a conversation that is too long is cut.',
    task_type: 'What vectors are for.',
    title: 'The title of a text or document.',
    other_fields: 'Fields elsewhere that UniRoute does not know; the refusal of strict mode names them.',
  },
  'What was learned': {
    anthropic_beta: 'The server refused beta flags of Anthropic’s; they were left out.',
    chat_to_responses: 'The provider refused function tools at its Chat address: its Responses address was asked.',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

type Groups = typeof LOSS_GROUPS

/** A name that may stand in the warnings; one that is not in the table does not compile. */
export type LossName = { [Group in keyof Groups]: keyof Groups[Group] }[keyof Groups]

export const LOSS_NAMES: ReadonlySet<string> = new Set(
  Object.values(LOSS_GROUPS).flatMap((group) => Object.keys(group)),
)

/** What a field is called here where its own name is not the one. */
const FIELD_NAMES: Readonly<Record<string, LossName>> = {
  service_tier: 'tier',
  top_logprobs: 'logprobs',
  safety_identifier: 'user',
  reasoning_effort: 'effort',
  image_config: 'media',
  speech_config: 'media',
  response_mime_type: 'response_format',
  response_schema: 'response_format',
  output_format: 'response_format',
  thinking_config: 'reasoning_options',
  reasoning: 'reasoning_options',
  retrieval_config: 'tool_config',
  function_calling_config: 'tool_config',
  include_server_side_tool_invocations: 'tool_config',
  text: 'text_options',
}

/**
 * The name for the loss of a field that only one dialect has, as the client wrote it; `fallback` where it is none of
 * the table's.
 */
export function lossOfField(field: string, fallback: LossName = 'other_fields'): LossName {
  const snake = toSnake(field)
  if (Object.hasOwn(FIELD_NAMES, snake)) return FIELD_NAMES[snake]!
  if (isLossName(snake)) return snake
  return snake.startsWith('reasoning_') ? 'reasoning_options' : snake.startsWith('text_') ? 'text_options' : fallback
}

/** Most characters of a name in words. */
const LONGEST_NAME = 60
const MOST_MEMBERS = 5

/**
 * Why a field is lost that the other dialect does not have; `members`: those of it that are meant. Names are the
 * client's, so they are cut short and printable, and only a few are said.
 */
export function noSuchField(field: string, members: readonly string[] = []): string {
  const which = members.slice(0, MOST_MEMBERS).map((name) => printable(name))
  return `the provider has no field \`${printable(field)}\`${which.length > 0 ? ` (${which.join(', ')})` : ''}`
}

function printable(name: string): string {
  const said = name.replace(/[^\x20-\x7e]/g, '?')
  return said.length > LONGEST_NAME ? `${said.slice(0, LONGEST_NAME)}…` : said
}

function isLossName(name: string): name is LossName {
  return LOSS_NAMES.has(name)
}

export type LossAction = 'dropped' | 'approximated'

interface NamedLoss {
  readonly path: LossName
  readonly action: LossAction
}

/** Most characters of the header. */
const LONGEST_WARNINGS = 1024

/**
 * `dropped=seed,tier`, `approx=thinking_budget`, `adjusted=chat_to_responses`: what the header says, joined by `;`. It
 * has at most 1 KB, so names that no longer fit are left out whole.
 */
export function writeWarnings(losses: readonly NamedLoss[], adjusted: ReadonlySet<LossName>): string[] {
  const named = (action: LossAction): ReadonlySet<LossName> =>
    new Set(losses.filter((loss) => loss.action === action).map(({ path }) => path))
  const said = { dropped: named('dropped'), approx: named('approximated'), adjusted }
  const warnings: string[] = []
  let left = LONGEST_WARNINGS
  for (const [action, names] of Object.entries(said)) {
    let text = `${action}=`
    for (const name of names) {
      const more = text.endsWith('=') ? name : `,${name}`
      if (text.length + more.length <= left) text += more
    }
    if (text.endsWith('=')) continue
    warnings.push(text)
    left -= text.length + 1
  }
  return warnings
}
