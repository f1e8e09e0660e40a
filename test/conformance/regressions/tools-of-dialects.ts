// The three functions that the regressions declare, as each dialect writes them.
import type { Json } from '../../support/uniroute-client.ts'

export const parameters: Json = { type: 'object', properties: { city: { type: 'string' } } }
export const NAMES = ['get_weather', 'get_time', 'get_rates']

export const chatTools = NAMES.map((name) => ({ type: 'function', function: { name, parameters } }))
export const messagesTools = NAMES.map((name) => ({ name, input_schema: parameters }))
export const responsesTools = NAMES.map((name) => ({ type: 'function', name, parameters }))

export const chatCall = (id: string, name = 'get_weather', args = '{"city":"Paris"}'): Json => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})
export const toolUse = (id: string, name = 'get_weather', input: Json = { city: 'Paris' }): Json => ({
  type: 'tool_use',
  id,
  name,
  input,
})
export const toolResult = (tool_use_id: string, content: Json = '21 °C'): Json => ({
  type: 'tool_result',
  tool_use_id,
  content,
})
