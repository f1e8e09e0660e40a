// What the Messages API takes in its fields. A word that is none of the dialect's is refused where nothing would tell
// of its loss; kinds of blocks and tools that are not known go their own way.
import {
  anything,
  both,
  either,
  fields,
  flag,
  integer,
  listOf,
  number,
  object,
  oneOf,
  open,
  required,
  tagged,
  text,
  whole,
  type Shape,
} from '../shape.ts'
import { SEARCH_SHAPES } from '../web-search.ts'

const mark = { cache_control: fields({ type: text, ttl: text }) }
const instruction = fields({ type: text, text: required(text), ...mark })
const words = both(instruction, fields({ citations: listOf(object) }))
const image: Shape = fields({ source: required(sourceWith({})), ...mark })
const kind = fields({ type: required(text) })

function sourceWith(more: Readonly<Record<string, Shape>>): Shape {
  return both(
    fields({ type: required(text) }),
    tagged(
      'type',
      {
        base64: fields({ data: required(text), media_type: required(text) }),
        text: fields({ data: required(text), media_type: text }),
        url: fields({ url: required(text) }),
        file: fields({ file_id: required(text) }),
        ...more,
      },
      anything,
    ),
  )
}

/** Of a kind that is not known, the text alone is read. */
const inDocument = both(kind, tagged('type', { text: words, image }, fields({ text })))
const document = fields({
  source: required(sourceWith({ content: fields({ content: required(either({ text, list: listOf(inDocument) })) }) })),
  title: text,
  context: text,
  citations: fields({ enabled: flag }),
  ...mark,
})

const plainBlocks = { text: words, image, document }
const search = fields({
  content: listOf(fields({ type: text, text })),
  source: text,
  title: text,
  citations: fields({ enabled: flag }),
  ...mark,
})
/** Only its own provider reads it. */
const opaque = whole(fields(mark))
const toldBlocks = { search_result: search, tool_reference: fields({ tool_name: text, ...mark }) }
const inResult = both(kind, tagged('type', { ...plainBlocks, ...toldBlocks }, opaque))

const block = both(
  kind,
  tagged(
    'type',
    {
      ...plainBlocks,
      ...toldBlocks,
      compaction: fields({ content: text, ...mark }),
      thinking: fields({ thinking: required(text), signature: text, ...mark }),
      redacted_thinking: fields({ data: required(text), ...mark }),
      tool_use: fields({ id: required(text), name: required(text), input: object, caller: anything, ...mark }),
      tool_result: fields({
        tool_use_id: required(text),
        content: either({ text, list: listOf(inResult) }),
        is_error: flag,
        ...mark,
      }),
    },
    opaque,
  ),
)

const message = fields({
  role: required(oneOf(['user', 'assistant', 'system'])),
  content: required(either({ text, list: listOf(block) })),
})

const declared = open(
  fields({
    type: text,
    name: required(text),
    description: text,
    input_schema: object,
    strict: flag,
    defer_loading: flag,
    eager_input_streaming: flag,
    input_examples: listOf(object),
    allowed_callers: listOf(text),
    ...mark,
  }),
)
const tool = tagged(
  'type',
  { custom: declared, mcp_toolset: whole(fields({ mcp_server_name: text, ...mark })) },
  whole(fields({ name: text, ...SEARCH_SHAPES, ...mark })),
  () => declared,
)

const choice = both(
  fields({ type: required(oneOf(['auto', 'any', 'tool', 'none'])), disable_parallel_tool_use: flag }),
  tagged('type', { tool: fields({ name: required(text) }) }, fields({})),
)

const format = whole(fields({ type: required(text), schema: object }))
const schemaFormat = tagged('type', { json_schema: fields({ schema: required(object) }) }, format)

const thinking = fields({ type: required(text), display: oneOf(['summarized', 'omitted']) })
const switched = tagged(
  'type',
  { enabled: fields({ budget_tokens: integer({ least: 1 }) }), adaptive: fields({}), disabled: fields({}) },
  anything,
)

export const MESSAGES_REQUEST = open(
  fields({
    model: text,
    max_tokens: integer({ least: 0 }),
    messages: required(listOf(message)),
    system: either({ text, list: listOf(instruction) }),
    tools: listOf(tool),
    tool_choice: choice,
    stream: flag,
    stop_sequences: listOf(text),
    temperature: number({ least: 0, most: 1 }),
    // -1 says that it is left out.
    top_p: number({ least: -1, most: 1 }),
    top_k: integer({ least: -1 }),
    thinking: both(thinking, switched),
    output_config: open(fields({ effort: text, format: schemaFormat })),
    output_format: schemaFormat,
    metadata: open(fields({ user_id: text })),
    service_tier: text,
    cache_control: mark.cache_control,
    fallbacks: either({ object, list: listOf(either({ text, object })) }),
    compaction: object,
    context_management: object,
    container: either({ text, object }),
    diagnostics: object,
    fallback_credit_token: text,
    inference_geo: text,
    mcp_servers: listOf(object),
    speed: text,
    user_profile_id: text,
  }),
)
