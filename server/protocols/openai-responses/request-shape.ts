// What the Responses API takes in its fields. A word that is none of the dialect's is refused where nothing would tell of
// its loss; kinds of items, parts and tools that are not known go their own way.
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
  required,
  tagged,
  text,
  type Shape,
} from '../shape.ts'
import { SEARCH_SHAPES } from '../web-search.ts'

const mark = { prompt_cache_breakpoint: fields({ mode: text, ttl: text }) }
const words = fields({ text: required(text), annotations: listOf(object), ...mark })

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
    fields(mark),
  ),
)

const content = either({ text, list: listOf(part) })
const message = fields({
  role: required(oneOf(['user', 'assistant', 'system', 'developer'])),
  content: required(content),
  phase: text,
})
const output = fields({ call_id: required(text), output: required(content), name: text, caller: object })

const declared = {
  type: text,
  name: required(text),
  description: text,
  parameters: object,
  strict: flag,
  defer_loading: flag,
}
const members = {
  function: fields(declared),
  custom: fields({ name: required(text), description: text, format: object }),
}
const member = both(fields({ type: required(oneOf(Object.keys(members))) }), tagged('type', members, anything))
const tool: Shape = both(
  fields({ type: required(text) }),
  tagged(
    'type',
    { ...members, namespace: fields({ name: required(text), description: text, tools: required(listOf(member)) }) },
    fields(SEARCH_SHAPES),
  ),
)

const thought = listOf(fields({ text }))
const item = tagged(
  'type',
  {
    message,
    function_call: fields({ call_id: text, name: required(text), arguments: required(text), namespace: text }),
    custom_tool_call: fields({ call_id: text, name: required(text), input: required(text), namespace: text }),
    function_call_output: output,
    custom_tool_call_output: output,
    reasoning: fields({ id: text, summary: thought, content: thought, encrypted_content: text }),
    additional_tools: fields({ tools: required(listOf(tool)) }),
    tool_search_output: fields({ tools: listOf(tool) }),
  },
  anything,
)
const itemOrMessage: Shape = {
  expected: 'an object',
  check: (value, path) => {
    item.check(value, path)
    const { type, role } = value as { type?: unknown; role?: unknown }
    if ((type === undefined || type === null) && role !== undefined) message.check(value, path)
  },
}

const named = fields({ name: required(text), namespace: text })
const choice = either({
  text: oneOf(['auto', 'none', 'required']),
  object: both(
    fields({ type: required(text) }),
    tagged(
      'type',
      {
        function: named,
        custom: named,
        allowed_tools: fields({ mode: oneOf(['auto', 'required']), tools: required(listOf(object)) }),
      },
      anything,
    ),
  ),
})

const format = both(
  fields({ type: required(text) }),
  tagged('type', { json_schema: fields({ name: text, description: text, schema: object, strict: flag }) }, anything),
)

export const RESPONSES_REQUEST = fields({
  model: text,
  stream: flag,
  input: either({ text, list: listOf(itemOrMessage) }),
  instructions: text,
  tools: listOf(tool),
  tool_choice: choice,
  parallel_tool_calls: flag,
  text: fields({ format, verbosity: text }),
  reasoning: fields({ effort: text, summary: text, generate_summary: text, context: text }),
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
  stream_options: fields({ include_obfuscation: flag }),
  truncation: text,
})
