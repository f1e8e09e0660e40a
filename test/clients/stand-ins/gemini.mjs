// Stands in for Gemini CLI: the official SDK, told where to ask by the same variables, and the model by the same word.
import { GoogleGenAI } from '@google/genai'

const model = process.argv[process.argv.indexOf('--model') + 1]
let text = ''
const stream = await new GoogleGenAI({}).models.generateContentStream({ model, contents: 'Say hello' })
for await (const part of stream) text += part.text ?? ''
console.log(text)
