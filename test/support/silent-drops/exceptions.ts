// What may be left out of a request without anybody hearing of it, and why: members that say what is so anyway, and
// members that are lost with others under one loss. Everything else must be carried, told or refused.
import type { ModelProfile } from '../../../server/protocols/profile.ts'
import type { Json } from '../cross-dialect.ts'
import type { Path } from '../places.ts'
import type { Source } from './crossing.ts'

interface Exception {
  readonly why: string
  readonly from?: Source
  /** The place, without the numbers of list entries: `messages[].content[].type`. */
  readonly at: RegExp
  /** The values that say nothing; absent = any. */
  readonly values?: readonly unknown[]
  readonly models?: (profile: ModelProfile) => boolean
  /** What else stands in the body. */
  readonly bodies?: RegExp
}

const MEANS_NOTHING: readonly Exception[] = [
  {
    why: 'the address names the model, and how the answer is asked for says whether it streams',
    at: /^(?:model|stream)$/,
  },
  {
    why: 'the other members say already what it is',
    at: /(?:^|[.\]])type$/,
    values: (
      'approximate base64 custom ephemeral function grammar message reasoning.encrypted reasoning.summary ' +
      'reasoning.text reasoning_text summary_text text url_citation'
    ).split(' '),
  },
  { why: 'a breakpoint is one of its own accord', at: /prompt_cache_breakpoint\.mode$/, values: ['explicit'] },
  { why: 'an item is named and judged anew by who answers', at: /^input\[\]\.(?:id|status)$/ },
  { why: 'the order of the list says it', at: /\b(?:reasoning_details|tool_calls)\[\]\.index$/ },
  { why: 'a result finds its call by order', at: /tool_call_id$|unction_?[rR]esponse\.(?:id|name)$/ },
  {
    why: 'it is the name of the function that was called',
    at: /^messages\[\]\.name$/,
    from: 'openai-chat',
    values: ['f'],
  },
  { why: 'there is only one', at: /^input\[\]\.role$/, from: 'openai-responses', values: ['developer'] },
  { why: 'the vendor allows no other name', at: /^tools\[\]\.name$/, values: ['web_search', 'bash'] },
  { why: 'the vendor allows no other', at: /^systemInstruction\.role$/ },
  { why: 'what stands in a turn says whose it is', at: /^contents\[\]\.role$/ },
  { why: 'that is the default', at: /source\.media_type$/, values: ['text/plain', 'image/png'] },
  { why: 'that is the default', at: /input_audio\.format$/, values: ['wav'] },
  { why: 'the address says it', at: /file(?:Data\.mimeType|_data\.mime_type)$/ },
  {
    why: 'no is the default',
    at: /^(?:store|logprobs)$|\b(?:strict|is_error|disable_parallel_tool_use|include_obfuscation)$/,
    values: [false],
  },
  { why: 'that is the default', at: /^(?:tool_choice|function_call|service_tier)$|\bdetail$/, values: ['auto'] },
  { why: 'that is the default', at: /^n$|\btemperature$|\btop_?[pP]$/, values: [1] },
  { why: 'that is the default', at: /\btop_?[pPkK]$|[pP]enalty$/, values: [0, -1] },
  { why: 'the model calls tools itself, as ever', at: /allowed_callers\[\]$|caller\.type$/, values: ['direct'] },
  { why: 'that is the default', at: /^parallel_tool_calls$/, values: [true] },
  { why: 'a stand-in for state that is lost', at: /thoughtSignature$/, values: ['skip_thought_signature_validator'] },
  { why: 'that is the default', at: /responseModalities\[\]$/, values: ['TEXT'] },
  { why: 'that is the name of a file without one', at: /\bfilename$/, values: ['document.pdf'] },
  { why: 'white space alone says nothing, and is refused by some', at: /\bcontent$/, values: [' '] },
  {
    why: 'a tool without arguments',
    at: /\bparameters$/,
    values: [
      { type: 'object', properties: {} },
      { properties: {}, type: 'object' },
      { properties: {}, type: 'OBJECT' },
    ],
  },
  { why: 'that is the default', at: /^(?:web_search|google_search_grounding)\.enabled$/, values: [true] },
  { why: 'that is the default', at: /thinking(?:B|_b)udget$/, values: [-1] },
  { why: 'that is the default', at: /response_?[mM]ime_?[tT]ype$/, values: ['text/plain'] },
  { why: 'a call without arguments has none', at: /function\.arguments$/, values: ['{}'] },
  { why: 'that is the default', at: /includeThoughts$/, values: [false] },
  {
    why: 'servers of this kind show what was thought unless they shall not',
    at: /include(?:T|_t)houghts$|^reasoning\.summary$/,
    values: [true, 'auto'],
    models: ({ dialect }) => dialect.reasoningIn === 'reasoning' || dialect.reasoningIn === 'thinking',
  },
  { why: 'that is the default where thinking is enabled', at: /^thinking\.display$/, values: ['summarized'] },
  { why: 'who is not asked for thoughts shows none', at: /^thinking\.display$/, values: ['omitted'] },
  { why: 'a budget or an effort switches thinking on', at: /^(?:enable_thinking|reasoning\.enabled)$/, values: [true] },
  { why: 'a budget switches thinking on', at: /^thinking\.type$/, values: ['enabled'] },
  {
    why: 'a model that does not think needs no word for it',
    at: /^enable_thinking$|^reasoning(?:_|\.)effort$|thinking(?:B|_b)udget$/,
    values: [false, 'none', 0],
    models: ({ thinking }) => thinking === 'none',
  },
  { why: 'a schema says that the answer is JSON', at: /response_?[mM]ime_?[tT]ype$/, values: ['application/json'] },
  { why: 'a label of its dialect', at: /(?:^text\.format|json_schema)\.name$/ },
  { why: 'who takes a schema keeps to it', at: /(?:^text\.format|json_schema)\.strict$/, values: [true] },
  {
    why: 'thoughts are said twice',
    at: /^messages\[\]\.reasoning(?:_content|_details\[\]\.text)?$/,
    bodies: /"reasoning_details":\[\{|"reasoning":"[^]*"reasoning_content":"|"reasoning_content":"[^]*"reasoning":"/,
  },
  { why: 'a label of sealed state', at: /reasoning_details\[\]\.format$/ },
  {
    why: 'who wants thoughts, and does not say how much, gets as many',
    at: /effort$|thinkingLevel$/,
    values: ['high', 'HIGH'],
    models: ({ thinking }) => thinking === 'budget',
  },
]

/** One loss, told once, for all that a wish was made of. */
const LOST_TOGETHER: readonly (Exception & { readonly loss: RegExp })[] = [
  {
    why: 'a wish for thoughts',
    loss: /^(?:dropped|approximated) thinking:/,
    at: /^(?:thinking|reasoning|generationConfig\.thinkingConfig)\.|effort$|^(?:include_reasoning|thinking_budget)$/,
  },
  { why: 'a wish for probabilities', loss: /^dropped logprobs:/, at: /logprobs$/ },
  {
    why: 'a choice among tools, beside a schema that is made one',
    loss: /^approximated response_format:/,
    at: /^tool_choice(?:\.mode)?$|functionCallingConfig\.mode$|^parallel_tool_calls$/,
  },
  { why: 'a source', loss: /^(?:dropped|approximated) citations:/, at: /(?:citations|annotations)\[\]/ },
  { why: 'sealed state', loss: /^dropped reasoning_state:/, at: /(?:encrypted_content|signature)$/ },
]

const placeOf = (path: Path): string =>
  path.map((key, depth) => (typeof key === 'number' ? '[]' : depth === 0 ? key : `.${key}`)).join('')

const USED = new Set<Exception>()

export interface Circumstances {
  readonly from: Source
  readonly profile: ModelProfile
  readonly body: Json
  /** The losses of the crossing. */
  readonly told: readonly string[]
}

/** Is it one of the exceptions? */
export function isExcepted({ from, profile, body, told }: Circumstances, path: Path, value: unknown): boolean {
  const place = placeOf(path)
  const text = JSON.stringify(value)
  const fits = ({ at, from: only, values, models, bodies }: Exception): boolean =>
    at.test(place) &&
    (only ?? from) === from &&
    (values?.some((one) => JSON.stringify(one) === text) ?? true) &&
    (models?.(profile) ?? true) &&
    (bodies?.test(JSON.stringify(body)) ?? true)
  const found =
    MEANS_NOTHING.find(fits) ??
    LOST_TOGETHER.find((together) => fits(together) && told.some((loss) => together.loss.test(loss)))
  if (found) USED.add(found)
  return found !== undefined
}

/** Exceptions that nothing fell under. */
export function unusedExceptions(): string[] {
  return [...MEANS_NOTHING, ...LOST_TOGETHER].filter((one) => !USED.has(one)).map(({ why, at }) => `${why}: ${at}`)
}
