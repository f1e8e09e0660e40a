// What Google refuses of generateContent, in its own words as far as they are known.
import type { Sealer } from './signatures.ts'
import { readMagic, type Json } from './turn.ts'

const camel = (fields: string): Set<string> =>
  new Set(fields.split(' ').flatMap((name) => [name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]))

const TOP = camel(
  'contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels model serviceTier store',
)
const PART = camel('text inlineData fileData functionCall functionResponse executableCode codeExecutionResult')
const BESIDE = camel('thought thoughtSignature videoMetadata partMetadata mediaResolution')
/** Of the older form of schemas; JSON Schema has a field of its own. */
const SCHEMA = new Set(
  'type format title description nullable enum maxItems minItems properties required minProperties maxProperties minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum'.split(
    ' ',
  ),
)
/** Stands in for a signature that was lost; the field is bytes, so it may come encoded as well. */
const SKIP = 'skip_thought_signature_validator'

const unknownName = (name: string, at: string): string =>
  `Invalid JSON payload received. Unknown name "${name}" at '${at}': Cannot find field.`

export function checkGenerateRules(model: string, body: Json, seal: Sealer): string | undefined {
  const extra = Object.keys(body).find((name) => !TOP.has(name))
  if (extra !== undefined) return unknownName(extra, '')
  return checkContents(model, body.contents, seal) ?? checkDeclarations(body) ?? checkConfig(model, body)
}

function checkContents(model: string, contents: Json[], seal: Sealer): string | undefined {
  let open: Json[] = []
  // Signatures are looked at from the last words of the user on.
  const from = contents.findLastIndex(
    ({ role, parts }) => role !== 'model' && [parts].flat().every((part) => responseOf(part) === undefined),
  )
  for (const [at, { role, parts: given }] of contents.entries()) {
    if (role !== undefined && role !== 'user' && role !== 'model' && role !== 'function') {
      return 'Please use a valid role: user, model.'
    }
    const parts: Json[] = [given].flat()
    if (parts.length === 0) return `* GenerateContentRequest.contents[${at}].parts: contents.parts must not be empty.\n`
    for (const [index, part] of parts.entries()) {
      const wrong = checkPart(part, `contents[${at}].parts[${index}]`, seal)
      if (wrong !== undefined) return wrong
    }
    const responses = parts.map(responseOf).filter((response) => response !== undefined)
    if (responses.length !== open.length) {
      return 'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.'
    }
    for (const [index, response] of responses.entries()) {
      if (response.name !== open[index].name) return `Function response ${response.name} answers no call of that name.`
      if (response.id !== undefined && response.id !== open[index].id) return `Function response with an unknown id.`
    }
    open = parts.map((part) => part.functionCall ?? part.function_call).filter((call) => call !== undefined)
    if (open.length === 0) continue
    if (role !== 'model' || at === 0 || contents[at - 1].role === 'model') {
      return 'Please ensure that function call turn comes immediately after a user turn or after a function response turn.'
    }
    const first = parts.find((part) => part.functionCall !== undefined)
    if (/^gemini-[3-9]/.test(model) && at > from && !first?.thoughtSignature) {
      return `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, function call \`default_api:${open[0].name}\`, position ${at}.`
    }
  }
  return undefined
}

const responseOf = (part: Json): Json => part?.functionResponse ?? part?.function_response

function checkPart(part: Json, place: string, seal: Sealer): string | undefined {
  const names = Object.keys(part)
  const extra = names.find((name) => !PART.has(name) && !BESIDE.has(name))
  if (extra !== undefined) return unknownName(extra, place)
  const data = names.filter((name) => PART.has(name))
  if (data.length !== 1) return `${place}: required oneof field 'data' must have one initialized field`
  if (part.text === '' && part.thoughtSignature === undefined) return `Unable to submit request: empty text (${place})`
  const response = responseOf(part)
  if (response !== undefined && !isObject(response.response)) return `${place}.function_response.response: a Struct`
  if (part.functionCall !== undefined && !isObject(part.functionCall.args ?? {})) return `${place}.function_call.args`
  const { inlineData } = part
  if (inlineData !== undefined) {
    const seen = readMagic(Buffer.from(inlineData.data, 'base64'))
    if (seen !== inlineData.mimeType) return `Unable to process input image: ${inlineData.mimeType} is ${seen}.`
  }
  const slot = part.thoughtSignature
  if (slot === undefined || slot === SKIP || Buffer.from(slot, 'base64').toString() === SKIP) return undefined
  const why = seal.refuse('google', slot, part.functionCall?.name)
  return why === undefined ? undefined : `Thought signature is not valid: ${why}.`
}

function checkDeclarations({ tools, toolConfig }: Json): string | undefined {
  const declared: Json[] = (tools ?? []).flatMap((tool: Json) => tool.functionDeclarations ?? [])
  for (const { name, parameters, parametersJsonSchema } of declared) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/.test(name)) return 'Invalid function name.'
    if (parameters && parametersJsonSchema) return 'parameters and parameters_json_schema are mutually exclusive.'
    const unknown = findUnknown(parameters)
    if (unknown !== undefined) return unknownName(unknown, 'tools[0].function_declarations[0].parameters')
    const text = JSON.stringify(parametersJsonSchema ?? {})
    if (text.includes('"$schema"')) return unknownName('$schema', 'tools[0].function_declarations[0]')
  }
  const allowed: string[] = toolConfig?.functionCallingConfig?.allowedFunctionNames ?? []
  if (toolConfig?.functionCallingConfig && declared.length === 0)
    return 'Function calling config is set without function_declarations.'
  const stranger = allowed.find((name) => !declared.some((tool) => tool.name === name))
  return stranger === undefined ? undefined : `allowed_function_names has an unknown name: ${stranger}`
}

/** A field that the older form of schemas does not have. */
function findUnknown(schema: Json): string | undefined {
  if (!isObject(schema)) return undefined
  for (const [name, value] of Object.entries<Json>(schema)) {
    if (!SCHEMA.has(name)) return name
    const inner =
      name === 'properties' ? Object.values<Json>(value) : name === 'items' ? [value] : name === 'anyOf' ? value : []
    for (const one of inner) {
      const unknown = findUnknown(one)
      if (unknown !== undefined) return unknown
    }
  }
  return undefined
}

function checkConfig(model: string, { generationConfig: config }: Json): string | undefined {
  const { thinkingLevel, thinkingBudget } = config?.thinkingConfig ?? {}
  if (thinkingLevel !== undefined && thinkingBudget !== undefined) {
    return 'You can only set only one of thinking budget and thinking level.'
  }
  if (thinkingLevel !== undefined && /^gemini-[12]/.test(model))
    return 'Thinking level is not supported for this model.'
  if (config?.responseJsonSchema && config.responseMimeType !== 'application/json') {
    return 'Response schema requires response_mime_type application/json.'
  }
  return config?.stopSequences?.length > 5 ? 'Too many stop sequences.' : undefined
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
