// What `/v1/chat` takes in its fields; its messages are read by the decoder itself, which refuses what it cannot use.
import { either, fields, flag, integer, listOf, number, object, required, text } from '../shape.ts'

const search = either({ flag, object: fields({ enabled: flag }) })
const content = either({ text, list: listOf(object) })

export const CHAT_REQUEST = fields({
  model: text,
  messages: required(listOf(fields({ role: required(text), content: required(content) }))),
  temperature: number({ least: 0, most: 2 }),
  max_tokens: integer({ least: 0 }),
  web_search: search,
  google_search_grounding: search,
})
