// Stands in for Claude Code: the official SDK, told where to ask and as what by the same variables. Small questions go
// to the small model, as there.
import Anthropic from '@anthropic-ai/sdk'

const client = new Anthropic()
for (const model of [process.env.ANTHROPIC_MODEL, process.env.ANTHROPIC_DEFAULT_HAIKU_MODEL]) {
  const stream = client.messages.stream({
    model,
    max_tokens: 1024,
    messages: [{ role: 'user', content: 'Say hello' }],
  })
  console.log(await stream.finalText())
}
