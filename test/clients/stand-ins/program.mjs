// A program whose code says nothing of UniRoute: all three SDKs as they come, which read the environment. Takes a
// model.
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'

const [, , model] = process.argv
const messages = [{ role: 'user', content: 'Say hello' }]
const chat = await new OpenAI().chat.completions.create({ model, messages })
const message = await new Anthropic().messages.create({ model, max_tokens: 1024, messages })
const content = await new GoogleGenAI({}).models.generateContent({ model, contents: 'Say hello' })
console.log(chat.choices[0].message.content)
console.log(message.content[0].text)
console.log(content.text)
