// What Chat Completions takes in its fields, and what clients of other shapes mix into them (Responses items, Anthropic
// blocks), which is tolerated. A word that is none of the dialect's is refused where nothing would tell of its loss.
import {
  anything,
  both,
  either,
  fields,
  flag,
  having,
  holding,
  integer,
  listOf,
  mapOf,
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

const cache = fields({ type: text, ttl: text, mode: text })
const marks = { cache_control: cache, prompt_cache_breakpoint: cache }
const address = either({ text, object: fields({ url: required(text), detail: text }) })
const file = fields({ file_id: text, file_data: text, file_url: text, filename: text, name: text })
const files = both(
  holding('file', 'file_id', 'file_data', 'file_url'),
  having('file', fields({ file, ...marks }), both(file, fields(marks))),
)
const sound = fields({ data: required(text), format: text })
const image = fields({ image_url: address, file_id: text, detail: text, ...marks })
const source = fields({ type: text, data: text, url: text, media_type: text })
const block = fields({ source: required(source), title: text, ...marks })
const words = fields({ text: required(text), ...marks })
const spoken = both(words, fields({ annotations: listOf(object), logprobs: anything }))
/** What items and messages have beside what they say where a client hands an answer back. */
const told = { id: text, status: text }

const media = {
  image_url: both(image, fields({ image_url: required(address) })),
  input_image: both(image, holding('image_url', 'file_id')),
  video_url: fields({ video_url: required(address), ...marks }),
  document_url: fields({ document_url: required(address), ...marks }),
  input_audio: both(
    holding('input_audio', 'data'),
    having('input_audio', fields({ input_audio: sound, ...marks }), fields({ data: text, format: text, ...marks })),
  ),
  file: files,
  input_file: files,
  image: block,
  document: block,
}
const parts = {
  ...media,
  text: words,
  input_text: words,
  output_text: spoken,
  refusal: fields({ refusal: required(text) }),
  thinking: fields({ thinking: either({ text, list: listOf(fields({ type: text, text })) }) }),
}
/** Only its own server reads it. */
const opaque = whole(fields(marks))
const typed = fields({ type: required(text) })
const inResult = either({ text, object: both(typed, tagged('type', parts, opaque)) })

const part = either({
  text,
  object: both(
    typed,
    tagged(
      'type',
      {
        ...parts,
        tool_use: fields({ id: required(text), name: required(text), input: object, ...marks }),
        tool_result: fields({
          tool_use_id: required(text),
          content: either({ text, list: listOf(inResult) }),
          is_error: flag,
          ...marks,
        }),
      },
      opaque,
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
    // Where it stood in a stream.
    index: anything,
    function: fields({ name: required(text), arguments: args }),
    custom: fields({ name: required(text), input: text }),
    extra_content: sealed,
    ...marks,
  }),
)

const thought = fields({
  type: text,
  index: anything,
  text,
  summary: text,
  signature: text,
  data: text,
  id: text,
  format: text,
  length: number(),
})

/**
 * The fields of a message by who says it; what else an assistant or a user says is kept for servers of this dialect.
 */
const shared = { type: text, role: text, ...told, ...marks }
const heard = { ...shared, content }
export const MESSAGE_FIELDS = {
  system: { ...heard, content: required(content) },
  developer: { ...heard, content: required(content) },
  user: { ...heard, content: required(content) },
  assistant: {
    ...heard,
    tool_calls: listOf(call),
    function_call: fields({ name: text, arguments: args }),
    refusal: text,
    reasoning: either({ text, object }),
    reasoning_content: text,
    reasoning_details: listOf(thought),
    extra_content: sealed,
    annotations: listOf(object),
  },
  tool: { ...heard, name: text, tool_call_id: text, is_error: flag },
  function: { ...heard, name: text, is_error: flag },
}

const { system, developer, ...others } = MESSAGE_FIELDS
const message = both(
  fields({ role: required(oneOf(Object.keys(MESSAGE_FIELDS))) }),
  tagged(
    'role',
    {
      system: fields({ ...system, name: text }),
      developer: fields({ ...developer, name: text }),
      ...Object.fromEntries(
        Object.entries(others).map(([role, table]) => [role, open(both(fields(table), fields({ name: text })))]),
      ),
    },
    fields(shared),
  ),
)

// Items of Responses in `input`; their messages are as above.
const result = fields({ type: text, call_id: required(text), output: content, ...told })
const item = tagged(
  'type',
  {
    function_call: fields({ call_id: text, name: required(text), arguments: text, ...told }),
    custom_tool_call: fields({ call_id: text, name: required(text), input: text, ...told }),
    function_call_output: result,
    custom_tool_call_output: result,
    reasoning: fields({ summary: listOf(fields({ type: text, text })), ...told }),
    message,
  },
  anything,
  () => message,
)

const declared = { name: text, description: text, parameters: object, input_schema: object, strict: flag }
const declaredFunction = fields({ ...declared, name: required(text), ...marks })
const rule = fields({ syntax: text, definition: text })
const grammar = tagged(
  'type',
  { text: fields({}), grammar: having('grammar', fields({ grammar: rule }), rule) },
  object,
)
const freeform = fields({ name: required(text), description: text, format: grammar })
const flat = fields({ ...declared, ...marks })
const nested = fields({ type: text, function: declaredFunction, ...marks })
const tool = both(
  fields({ type: text, ...declared, format: grammar, ...marks }),
  tagged(
    'type',
    {
      function: both(holding('function', 'name'), open(having('function', nested, flat))),
      custom: both(
        holding('custom', 'name', 'function'),
        open(fields({ custom: freeform, function: declaredFunction })),
      ),
    },
    whole(fields(SEARCH_SHAPES)),
    () => open(fields({ function: declaredFunction, custom: freeform })),
  ),
)
const anyTool = both(tool, holding('type', 'function', 'custom', 'name'))

const named = fields({ name: required(text) })
const kind = fields({ type: text })
const namedTool = both(
  holding('function', 'custom', 'name'),
  both(
    kind,
    having(
      'function',
      fields({ function: named }),
      having('custom', fields({ custom: named }), fields({ name: text })),
    ),
  ),
)
const choosing = oneOf(['auto', 'required'])
const allowed = fields({ mode: choosing, tools: required(listOf(namedTool)) })
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
          having(
            'allowed_tools',
            fields({ allowed_tools: allowed }),
            fields({ mode: choosing, tools: listOf(namedTool) }),
          ),
        ),
      },
      namedTool,
    ),
  ),
})

const schemaFields = fields({ name: text, description: text, schema: object, strict: flag })
const format = both(
  fields({ type: required(text) }),
  tagged(
    'type',
    {
      text: fields({}),
      json_object: fields({ schema: object }),
      json_schema: having('json_schema', fields({ json_schema: schemaFields }), schemaFields),
    },
    object,
  ),
)

const tokens = integer({ least: 1 })
const stop = either({ text, list: listOf(text) })

export const CHAT_REQUEST = open(
  fields({
    messages: listOf(message),
    input: either({ text, list: listOf(item) }),
    instructions: either({ text, list: listOf(part) }),
    system: either({ text, list: listOf(part) }),
    model: text,
    stream: flag,
    stream_options: open(fields({ include_usage: flag, include_obfuscation: flag })),
    tools: listOf(anyTool),
    functions: listOf(declaredFunction),
    tool_choice: choice,
    function_call: either({ text: oneOf(['auto', 'none']), object: named }),
    parallel_tool_calls: flag,
    response_format: format,
    text: fields({ format, verbosity: text }),
    reasoning_effort: text,
    reasoning: open(
      fields({
        effort: text,
        max_tokens: integer({ least: 0 }),
        enabled: flag,
        exclude: flag,
        summary: text,
        generate_summary: text,
      }),
    ),
    thinking: open(
      fields({
        type: oneOf(['enabled', 'disabled', 'adaptive', 'auto']),
        budget_tokens: integer({ least: 0 }),
      }),
    ),
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
    web_search_options: whole(fields(SEARCH_SHAPES)),
    include: listOf(text),
    audio: object,
    metadata: object,
    modalities: listOf(text),
    moderation: object,
    prediction: object,
    store: flag,
  }),
)
