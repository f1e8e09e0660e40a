// The ways a provider can behave, and how they are read from the key that a request carries.
import { readKeyHead } from './fake-keys.ts'

/** Each name with what it does; README.md is checked against this list. */
export const SCENARIOS = {
  ok: 'answers well',
  invalid: "401 in the vendor's envelope (Google: 400 API_KEY_INVALID)",
  quota: "the vendor's out-of-credit body on generation; model lists still answer",
  broke: "the vendor's out-of-credit body on every call",
  ratelimit: '429 with retry-after (number = seconds, default 7)',
  'forbidden-model': '403 that names the model; model lists still answer',
  'forbidden-region': '403 for the whole account or region',
  down500: '500',
  down502: '502 with a page of HTML',
  down503: '503 (overloaded)',
  overloaded529: "529 in Anthropic's envelope, 503 elsewhere",
  hang: 'takes the request and never answers',
  reset: 'destroys the socket instead of answering',
  'hang-midstream': 'falls silent after some events (number, default 3) or after half a body',
  'reset-midstream': 'destroys the socket after some events (number, default 3) or after half a body',
  truncate: 'ends cleanly after some events (number, default 3), without the terminal one, or after half a body',
  'error-first-event': "the vendor's in-band error is the first event; not streamed: 500",
  'error-midstream': "the vendor's in-band error comes after some events (number, default 3); not streamed: 500",
  html200: '200 with a page of HTML',
  empty200: '200 without a body',
  cutjson: '200 with half of the JSON; a stream ends inside an event',
  slow: 'waits between events (number = milliseconds, default 50)',
  drip: 'one byte at a time (number = milliseconds between, default 1)',
  split: 'cuts the answer at every third byte, so inside UTF-8 characters and between CR and LF',
  crlf: 'streams with CR LF line ends, whatever the vendor uses',
  gzip: 'compresses the answer if accept-encoding allows it',
  big: 'a long answer (number = kilobytes of text, default 256)',
  comments: 'SSE comments between events, as some aggregators send',
  redirect: '307 to another origin',
  leaky: 'an error whose text repeats the key it was sent',
} as const

export type ScenarioName = keyof typeof SCENARIOS

export interface Scenario {
  readonly name: ScenarioName
  /** The number written behind the name, if any. */
  readonly number: number | undefined
}

const NAMES = (Object.keys(SCENARIOS) as ScenarioName[]).sort((a, b) => b.length - a.length)

/**
 * `slow25` is slow with 25; words are parted by `_`. Text that names no scenario is `ok`, so a key may carry any other
 * tag, and a key made up by hand (`sk-proj-ratelimit-anything`) works as well.
 */
export function parseScenario(text: string): Scenario {
  for (const word of text.toLowerCase().split('_')) {
    for (const name of NAMES) {
      const match = new RegExp(`^${name}(\\d*)(?:-|$)`).exec(word)
      if (match !== null) return { name, number: match[1] === '' ? undefined : Number(match[1]) }
    }
  }
  return { name: 'ok', number: undefined }
}

export function readScenario(key: string): Scenario {
  return parseScenario(readKeyHead(key))
}
