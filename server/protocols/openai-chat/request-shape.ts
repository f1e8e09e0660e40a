// What Chat Completions takes in its fields, and what clients of other shapes mix into them (Responses items, Anthropic
// blocks), which is tolerated. A word that is none of the dialect's is refused where nothing would tell of its loss.
import {
  anything,
  both,
  either,
  fields,
  flag,
  holding,
  integer,
  listOf,
  mapOf,
  number,
  object,
  oneOf,
  required,
  tagged,
  text,
} from '../shape.ts'
import { SEARCH_SHAPES } from '../web-search.ts'

const cache = fields({ type: text, ttl: text, mode: text })
const marks = { cache_control: cache, prompt_cache_breakpoint: cache }
const address = either({ text, object: fields({ url: required(text), detail: text }) })
const file = fields({ file_id: text, file_data: text, file_url: text, filename: text, name: text, ...marks })
const sound = fields({ data: required(text), format: text })
const image = fields({ image_url: address, file_id: text, detail: text, ...marks })
const block = fields({ source: required(object), title: text, ...marks })
const words = fields({ text: required(text), ...marks })

const resultBlock = fields({
  tool_use_id: required(text),
  content: either({ text, list: listOf(either({ text, object: fields({ type: text }) })) }),
  is_error: flag,
  ...marks,
})

const part = either({
  text,
  object: both(
    fields({ type: required(text) }),
    tagged(
      'type',
      {
        text: words,
        input_text: words,
        output_text: words,
        refusal: fields({ refusal: required(text) }),
        thinking: fields({ thinking: either({ text, list: listOf(fields({ text })) }) }),
        image_url: both(image, fields({ image_url: required(address) })),
        input_image: both(image, holding('image_url', 'file_id')),
        video_url: fields({ video_url: required(address), ...marks }),
        document_url: fields({ document_url: required(address), ...marks }),
        input_audio: both(holding('input_audio', 'data'), fields({ input_audio: sound, data: text, format: text })),
        file: both(holding('file', 'file_id', 'file_data', 'file_url'), both(fields({ file }), file)),
        input_file: both(holding('file', 'file_id', 'file_data', 'file_url'), both(fields({ file }), file)),
        image: block,
        document: block,
        tool_use: fields({ id: required(text), name: required(text), input: object, ...marks }),
        tool_result: resultBlock,
      },
      fields(marks),
    ),
  ),
})

const content = either({ text, object, list: listOf(part) })
const args = either({ text, object })
const sealed = fields({ google: fields({ thought_signature: text }) })

const call = both(
  holding('function', 'custom'),
  fields({
    id: text,
    type: text,
    function: fields({ name: required(text), arguments: args }),
    custom: fields({ name: required(text), input: text }),
    extra_content: sealed,
    ...marks,
  }),
)

const said = {
  name: text,
  content,
  tool_calls: listOf(call),
  tool_call_id: text,
  function_call: fields({ name: text, arguments: args }),
  refusal: text,
  reasoning: either({ text, object }),
  reasoning_content: text,
  reasoning_details: listOf(object),
  extra_content: sealed,
  annotations: listOf(object),
  is_error: flag,
  ...marks,
}
const heard = fields({ ...said, content: required(content) })

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function']
const message = both(
  fields({ role: required(oneOf(ROLES)) }),
  tagged('role', { system: heard, developer: heard, user: heard }, fields(said)),
)

// Items of Responses in `input`; their messages are as above.
const item = tagged(
  'type',
  {
    function_call: fields({ call_id: text, id: text, name: required(text), arguments: text }),
    custom_tool_call: fields({ call_id: text, id: text, name: required(text), input: text }),
    function_call_output: fields({ call_id: required(text), output: content }),
    custom_tool_call_output: fields({ call_id: required(text), output: content }),
    reasoning: fields({ summary: listOf(fields({ text })) }),
    message,
  },
  tagged('type', {}, anything),
)

const declared = { name: text, description: text, parameters: object, input_schema: object, strict: flag }
const declaredFunction = fields({ ...declared, name: required(text) })
const freeform = fields({ name: required(text), description: text, format: object })
const tool = both(
  fields({ type: text, ...declared, format: object, ...marks }),
  tagged(
    'type',
    {
      function: both(holding('function', 'name'), fields({ function: declaredFunction })),
      custom: both(holding('custom', 'name', 'function'), fields({ custom: freeform, function: declaredFunction })),
    },
    // Without a type it is a function; any other is a tool of the provider.
    fields({ function: declaredFunction, custom: freeform, ...SEARCH_SHAPES }),
  ),
)
const typed = both(tool, holding('type', 'function', 'custom', 'name'))

const named = fields({ name: required(text) })
const namedTool = both(holding('function', 'custom', 'name'), fields({ function: named, custom: named, name: text }))
const allowed = fields({ mode: oneOf(['auto', 'required']), tools: required(listOf(namedTool)) })
const single = fields({ disable_parallel_tool_use: flag })
const choice = either({
  text: oneOf(['auto', 'none', 'required', 'any']),
  object: both(
    single,
    tagged(
      'type',
      {
        auto: single,
        none: single,
        any: single,
        allowed_tools: both(
          holding('allowed_tools', 'tools'),
          fields({ allowed_tools: allowed, mode: oneOf(['auto', 'required']), tools: listOf(namedTool) }),
        ),
      },
      namedTool,
    ),
  ),
})

const schemaFields = fields({ name: text, description: text, schema: object, strict: flag })
const format = both(
  fields({ type: required(text) }),
  tagged('type', { json_schema: both(schemaFields, fields({ json_schema: schemaFields })) }, object),
)

const tokens = integer({ least: 1 })
const stop = either({ text, list: listOf(text) })

export const CHAT_REQUEST = fields({
  messages: listOf(message),
  input: either({ text, list: listOf(item) }),
  instructions: either({ text, list: listOf(part) }),
  system: either({ text, list: listOf(part) }),
  model: text,
  stream: flag,
  stream_options: fields({ include_usage: flag, include_obfuscation: flag }),
  tools: listOf(typed),
  functions: listOf(declaredFunction),
  tool_choice: choice,
  function_call: either({ text: oneOf(['auto', 'none']), object: named }),
  parallel_tool_calls: flag,
  response_format: format,
  text: fields({ format, verbosity: text }),
  reasoning_effort: text,
  reasoning: fields({
    effort: text,
    max_tokens: integer({ least: 0 }),
    enabled: flag,
    exclude: flag,
    summary: text,
    generate_summary: text,
  }),
  thinking: fields({
    type: oneOf(['enabled', 'disabled', 'adaptive', 'auto']),
    budget_tokens: integer({ least: 0 }),
  }),
  enable_thinking: flag,
  thinking_budget: integer({ least: 0 }),
  include_reasoning: flag,
  temperature: number({ least: 0, most: 2 }),
  top_p: number({ least: 0, most: 1 }),
  top_k: number({ least: -1 }),
  frequency_penalty: number({ least: -2, most: 2 }),
  presence_penalty: number({ least: -2, most: 2 }),
  logit_bias: mapOf(number({ least: -100, most: 100 })),
  stop,
  stop_sequences: stop,
  max_completion_tokens: tokens,
  max_tokens: tokens,
  max_output_tokens: tokens,
  n: integer({ least: 1 }),
  logprobs: flag,
  top_logprobs: integer({ least: 0, most: 20 }),
  seed: integer(),
  verbosity: text,
  prompt_cache_key: text,
  prompt_cache_options: object,
  prompt_cache_retention: text,
  service_tier: text,
  user: text,
  safety_identifier: text,
  web_search_options: fields(SEARCH_SHAPES),
  include: listOf(text),
  audio: object,
  metadata: object,
  modalities: listOf(text),
  moderation: object,
  prediction: object,
  store: flag,
})
