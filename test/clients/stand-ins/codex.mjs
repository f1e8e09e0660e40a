// Stands in for Codex: the official SDK, told where to ask by the same words (`-c name=<TOML>`), of which a provider of
// one's own names the variable that holds its key.
import OpenAI from 'openai'

const settings = {}
const words = process.argv.slice(2)
for (const [at, word] of words.entries()) {
  if (word !== '-c') continue
  const [name, ...value] = words[at + 1].split('=')
  // A basic string of TOML reads as one of JSON.
  settings[name] = JSON.parse(value.join('='))
}
const provider = (field) => settings[`model_providers.${settings.model_provider}.${field}`]
if (provider('wire_api') !== 'responses') throw new Error('Codex speaks Responses only.')
if (!provider('name')) throw new Error('Codex asks for the name of a provider.')
const client = new OpenAI({ baseURL: provider('base_url'), apiKey: process.env[provider('env_key')] })
const stream = await client.responses.create({ model: settings.model, input: 'Say hello', stream: true })
for await (const event of stream) {
  if (event.type === 'response.output_text.done') console.log(event.text)
}
