// The question as a program would ask it, in several languages. Pictures are left out of the code: they are long.
import type { ChatBody } from './chatRequest.ts'

export interface ChatCode {
  readonly id: 'curl' | 'python' | 'javascript'
  readonly code: string
}

/** `baseUrl`: of this installation, without a slash at its end. */
export function writeCode(body: ChatBody, baseUrl: string): ChatCode[] {
  const short = shorten(body) as ChatBody
  return [
    { id: 'curl', code: writeCurl(short, baseUrl) },
    { id: 'python', code: writePython(short, baseUrl) },
    { id: 'javascript', code: writeJavaScript(short, baseUrl) },
  ]
}

function writeCurl(body: ChatBody, baseUrl: string): string {
  const json = JSON.stringify(body, null, 2).replaceAll('\n', '\n  ').replaceAll("'", `'\\''`)
  return [
    `curl ${baseUrl}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $UNIROUTE_API_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${json}'`,
  ].join('\n')
}

function writePython(body: ChatBody, baseUrl: string): string {
  const fields = Object.entries(body).map(([name, value]) => `    ${name}=${toPython(value, 1)},`)
  return [
    'import os',
    'from openai import OpenAI',
    '',
    `client = OpenAI(base_url="${baseUrl}/v1", api_key=os.environ["UNIROUTE_API_KEY"])`,
    'answer = client.chat.completions.create(',
    ...fields,
    ')',
    'print(answer.choices[0].message.content)',
  ].join('\n')
}

function writeJavaScript(body: ChatBody, baseUrl: string): string {
  return [
    `import OpenAI from 'openai'`,
    '',
    `const client = new OpenAI({ baseURL: '${baseUrl}/v1', apiKey: process.env.UNIROUTE_API_KEY })`,
    `const answer = await client.chat.completions.create(${JSON.stringify(body, null, 2)})`,
    'console.log(answer.choices[0].message.content)',
  ].join('\n')
}

function toPython(value: unknown, depth: number): string {
  const pad = '    '.repeat(depth + 1)
  const end = `\n${'    '.repeat(depth)}`
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value !== 'object') return JSON.stringify(value)
  const isList = Array.isArray(value)
  const parts = isList
    ? value.map((one: unknown) => toPython(one, depth + 1))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${toPython(one, depth + 1)}`)
  const [open, close] = isList ? '[]' : '{}'
  return parts.length === 0 ? `${open}${close}` : `${open}\n${pad}${parts.join(`,\n${pad}`)},${end}${close}`
}

function shorten(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/^(data:image\/[a-z+.-]+;base64,).*$/s, '$1…')
  if (Array.isArray(value)) return value.map(shorten)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shorten(one)]))
}
