// What `generateContent` takes in its fields, in camel or snake case. As in the API, a list may be the one thing that
// would stand in it, and a number may be written as a text. A word that is none of the dialect's is refused where
// nothing would tell of its loss.
import {
  anything,
  both,
  either,
  fields as exactly,
  flag,
  integer,
  listOf,
  number,
  object,
  oneOf,
  open,
  required,
  text,
  type Shape,
} from '../shape.ts'
import { toSnake } from '../read.ts'

/** Fields in either spelling; a required one in one of the two. */
function fields(table: Readonly<Record<string, Shape>>): Shape {
  const optional = Object.entries(table).flatMap(([name, shape]) => {
    const once = { ...shape, required: false }
    return [
      [name, once],
      [toSnake(name), once],
    ] as const
  })
  const must = Object.entries(table).filter(([name, shape]) => shape.required === true && toSnake(name) === name)
  return both(exactly(Object.fromEntries(optional)), exactly(Object.fromEntries(must)))
}

const manyOr = (shape: Shape): Shape => either({ object: shape, list: listOf(shape) })
const loose = (words: string): Shape => oneOf(words.split(' '), true)

const blob = fields({ data: required(text), mimeType: text, displayName: text })
const file = fields({ fileUri: text, mimeType: text, displayName: text })
const partFields = { text, thought: flag, thoughtSignature: text, inlineData: blob, fileData: file }
const inResult = either({ text, object: open(fields(partFields)) })
const part = either({
  text,
  object: open(
    fields({
      ...partFields,
      functionCall: open(fields({ id: text, name: required(text), args: object })),
      functionResponse: open(
        fields({
          id: text,
          name: text,
          response: anything,
          parts: either({ text, object: inResult, list: listOf(inResult) }),
        }),
      ),
      executableCode: object,
      codeExecutionResult: object,
      videoMetadata: object,
      mediaResolution: either({ text, object }),
    }),
  ),
})
const parts = either({ text, object: part, list: listOf(part) })

const ROLES = ['user', 'model', 'assistant', 'function', 'tool', 'system', 'developer']
const content = either({ text, object: fields({ role: oneOf(['', ...ROLES]), parts }) })
const said = either({ text, object: fields({ text, thought: flag, inlineData: blob, fileData: file }) })
const saids = either({ text, object: said, list: listOf(said) })
const contentOrPart = either({ text, object: both(fields({ role: text, parts: saids }), said), list: listOf(said) })

const declaration = open(
  fields({
    name: required(text),
    description: text,
    parameters: object,
    parametersJsonSchema: object,
    behavior: text,
    response: object,
  }),
)
const tool = open(
  fields({
    functionDeclarations: manyOr(declaration),
    googleSearch: object,
    googleSearchRetrieval: object,
    codeExecution: object,
    urlContext: object,
  }),
)

const range = { strings: true }
/** Zero is a number that was not set. */
const tokens = integer({ least: 0, strings: true })

const config = open(
  fields({
    temperature: number({ least: 0, most: 2, ...range }),
    topP: number({ least: 0, most: 1, ...range }),
    topK: number({ least: 0, ...range }),
    candidateCount: tokens,
    maxOutputTokens: tokens,
    stopSequences: listOf(text),
    presencePenalty: number({ least: -2, most: 2, ...range }),
    frequencyPenalty: number({ least: -2, most: 2, ...range }),
    seed: integer(range),
    responseLogprobs: flag,
    logprobs: integer({ least: 0, most: 20, ...range }),
    thinkingConfig: open(
      fields({
        includeThoughts: flag,
        thinkingBudget: integer({ least: -1, ...range }),
        thinkingLevel: loose('THINKING_LEVEL_UNSPECIFIED NONE MINIMAL LOW MEDIUM HIGH XHIGH MAX'),
      }),
    ),
    responseMimeType: text,
    responseSchema: object,
    responseJsonSchema: object,
    _responseJsonSchema: object,
    responseModalities: listOf(text),
    mediaResolution: text,
    speechConfig: object,
    imageConfig: object,
    audioTimestamp: flag,
    enableEnhancedCivicAnswers: flag,
    routingConfig: object,
  }),
)

export const GENERATE_REQUEST = open(
  fields({
    contents: required(either({ text, object: content, list: listOf(content) })),
    systemInstruction: contentOrPart,
    tools: manyOr(tool),
    toolConfig: open(
      fields({
        functionCallingConfig: open(
          fields({
            mode: loose('MODE_UNSPECIFIED AUTO ANY NONE VALIDATED'),
            allowedFunctionNames: listOf(text),
          }),
        ),
        retrievalConfig: object,
        includeServerSideToolInvocations: flag,
      }),
    ),
    generationConfig: config,
    serviceTier: text,
    cachedContent: text,
    safetySettings: manyOr(object),
    labels: object,
    modelArmorConfig: object,
    model: text,
    store: flag,
  }),
)
