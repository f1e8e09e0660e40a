// What the Responses API takes in its fields. A word that is none of the dialect's is refused where nothing would tell
// of its loss; kinds of items, parts and tools that are not known go their own way.
import {
  anything,
  both,
  either,
  fields,
  flag,
  holding,
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
} from '../shape.ts'
import { SEARCH_SHAPES } from '../web-search.ts'

const mark = { prompt_cache_breakpoint: fields({ mode: text, ttl: text }) }
/**
 * What an answer's items and parts have beside what they say; a client hands it back, and it means nothing to a model.
 */
const told = { id: text, status: text }
const words = fields({ text: required(text), annotations: listOf(object), logprobs: anything, ...mark })

const part = both(
  fields({ type: required(text) }),
  tagged(
    'type',
    {
      input_text: words,
      output_text: words,
      text: words,
      refusal: fields({ refusal: required(text) }),
      input_image: both(
        holding('image_url', 'file_id'),
        fields({
          image_url: either({ text, object: fields({ url: required(text) }) }),
          file_id: text,
          detail: text,
          ...mark,
        }),
      ),
      input_file: both(
        holding('file_data', 'file_url', 'file_id'),
        fields({ file_data: text, file_url: text, file_id: text, filename: text, detail: text, ...mark }),
      ),
      input_audio: fields({ input_audio: required(fields({ data: required(text), format: text })), ...mark }),
    },
    whole(fields(mark)),
  ),
)

const content = either({ text, list: listOf(part) })
const anybody = fields({
  role: required(oneOf(['user', 'assistant', 'system', 'developer'])),
  content: required(content),
  ...told,
})
const message = both(anybody, tagged('role', { assistant: fields({ phase: text }) }, fields({})))
const output = fields({ call_id: required(text), output: required(content), name: text, caller: object, ...told })

const declared = {
  type: text,
  name: required(text),
  description: text,
  parameters: object,
  strict: flag,
  defer_loading: flag,
}
const grammar = tagged('type', { text: fields({}), grammar: fields({ syntax: text, definition: text }) }, object)
const members = {
  function: open(fields(declared)),
  custom: open(fields({ name: required(text), description: text, format: grammar })),
}
const member = both(fields({ type: required(oneOf(Object.keys(members))) }), tagged('type', members, anything))
const tool = both(
  fields({ type: required(text) }),
  tagged(
    'type',
    { ...members, namespace: fields({ name: required(text), description: text, tools: required(listOf(member)) }) },
    whole(fields(SEARCH_SHAPES)),
  ),
)

const thought = listOf(fields({ type: text, text }))
const call = { call_id: text, name: required(text), namespace: text, ...told }
const item = tagged(
  'type',
  {
    message,
    function_call: open(fields({ ...call, arguments: required(text) })),
    custom_tool_call: open(fields({ ...call, input: required(text) })),
    function_call_output: output,
    custom_tool_call_output: output,
    reasoning: fields({ summary: thought, content: thought, encrypted_content: text, ...told }),
    additional_tools: fields({ role: text, tools: required(listOf(tool)), ...told }),
    tool_search_output: whole(fields({ tools: listOf(tool) })),
  },
  anything,
  ({ role }) => (role === undefined ? anything : message),
)
const named = fields({ name: required(text), namespace: text })
const allowed = tagged('type', { function: fields({ name: text }), custom: fields({ name: text }) }, object)
const choice = either({
  text: oneOf(['auto', 'none', 'required']),
  object: both(
    fields({ type: required(text) }),
    tagged(
      'type',
      {
        function: named,
        custom: named,
        allowed_tools: fields({ mode: oneOf(['auto', 'required']), tools: required(listOf(allowed)) }),
      },
      anything,
    ),
  ),
})

const format = both(
  fields({ type: required(text) }),
  tagged(
    'type',
    {
      text: fields({}),
      json_object: fields({ schema: object }),
      json_schema: fields({ name: text, description: text, schema: object, strict: flag }),
    },
    anything,
  ),
)

export const RESPONSES_REQUEST = open(
  fields({
    model: text,
    stream: flag,
    input: either({ text, list: listOf(item) }),
    instructions: text,
    tools: listOf(tool),
    tool_choice: choice,
    parallel_tool_calls: flag,
    text: open(fields({ format, verbosity: text })),
    reasoning: open(fields({ effort: text, summary: text, generate_summary: text, context: text })),
    temperature: number({ least: 0, most: 2 }),
    top_p: number({ least: 0, most: 1 }),
    max_output_tokens: integer({ least: 1 }),
    top_logprobs: integer({ least: 0, most: 20 }),
    include: listOf(text),
    prompt_cache_key: text,
    prompt_cache_options: object,
    prompt_cache_retention: text,
    service_tier: text,
    user: text,
    safety_identifier: text,
    access_programs: object,
    background: flag,
    context_management: listOf(object),
    conversation: either({ text, object }),
    max_tool_calls: integer({ least: 0 }),
    metadata: object,
    moderation: object,
    previous_response_id: text,
    prompt: object,
    store: flag,
    stream_options: whole(fields({ include_obfuscation: flag })),
    truncation: text,
  }),
)
