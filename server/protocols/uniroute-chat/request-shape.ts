// What `/v1/chat` takes in its fields; its messages are read by the decoder itself, which refuses what it cannot use.
import { anything, either, fields, flag, integer, listOf, number, open, required, tagged, text } from '../shape.ts'

const search = either({ flag, object: open(fields({ enabled: flag })) })
const address = either({ text, object: fields({ url: text, detail: text }) })
const part = tagged(
  'type',
  {
    text: fields({ text: anything }),
    image_url: fields({ image_url: address }),
    audio_url: fields({ audio_url: address }),
  },
  anything,
)
const content = either({ text, list: listOf(part) })

export const CHAT_REQUEST = open(
  fields({
    model: text,
    messages: required(listOf(fields({ role: required(text), content: required(content) }))),
    temperature: number({ least: 0, most: 2 }),
    max_tokens: integer({ least: 0 }),
    web_search: search,
    google_search_grounding: search,
  }),
)
