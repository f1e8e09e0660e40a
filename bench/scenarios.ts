// The scenarios by name. Peers run in processes of their own and find theirs here, so a scenario must come out the same
// each time: nothing random, no clock.
import { sameBytes, type Scenario } from './scenario.ts'

const CHAT_PATH = '/v1/chat/completions'

/** About one KB each way, without streaming. */
function createJsonScenario(): Scenario {
  const requestBody = asJson({
    model: 'gpt-4o-mini',
    messages: [
      { role: 'system', content: 'You answer questions about the city archive, briefly, with the year of the source.' },
      { role: 'user', content: writeText(760) },
    ],
    temperature: 0.2,
    max_tokens: 400,
  })
  const answer = asJson({
    id: 'chatcmpl-BenchBenchBenchBenchBench',
    object: 'chat.completion',
    created: 1_780_000_000,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: writeText(600), refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 213, completion_tokens: 148, total_tokens: 361 },
    system_fingerprint: 'fp_bench',
  })
  return {
    id: 'json',
    summary: '1 KB chat request and answer, not streamed, 32 connections kept alive and saturated',
    unit: 'request',
    unitsPerRequest: 1,
    connections: 32,
    path: CHAT_PATH,
    requestBody,
    answer: { contentType: 'application/json', pieces: [answer], gapMs: 0 },
    checkRequest: sameBytes("the request's body", requestBody),
    checkAnswer: sameBytes("the answer's body", answer),
  }
}

export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(
  [createJsonScenario()].map((scenario) => [scenario.id, scenario]),
)

export function findScenario(id: string | undefined): Scenario {
  const scenario = SCENARIOS.get(id ?? '')
  if (!scenario) throw new Error(`There is no scenario "${id}". Choose from: ${[...SCENARIOS.keys()].join(', ')}.`)
  return scenario
}

function asJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** Plain words with some characters of two and four bytes, and some that JSON escapes. */
function writeText(length: number): string {
  const sentence =
    'The "old" register of Zürich lists 1,204 houses by street and owner 🙂; the one that followed in 1834 has the year of building too.\n'
  // By characters, not by code units: half of one is no text.
  return [...sentence.repeat(Math.ceil(length / sentence.length) + 1)].slice(0, length).join('')
}
