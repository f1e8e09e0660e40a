// How programs are pointed at this server, each ready to run as it stands. `key` is the key itself only while it is
// shown that one time; later it is null, and the snippets read UNIROUTE_API_KEY.
import type { CodeTab } from '../../ui/code-tab.ts'

export interface SnippetFacts {
  /** Without a slash at its end. */
  readonly baseUrl: string
  /** One that can be called. */
  readonly model: string
  readonly key: string | null
}

// size: one snippet after the other.
export function writeSnippets({ baseUrl, model, key }: SnippetFacts): CodeTab[] {
  const inShell = key ?? '$UNIROUTE_API_KEY'
  const inScript = key === null ? 'process.env.UNIROUTE_API_KEY' : `'${key}'`
  return [
    {
      id: 'curl',
      label: 'curl',
      code: `curl ${baseUrl}/v1/chat/completions \\
  -H "authorization: Bearer ${inShell}" \\
  -H "content-type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Say hello"}]}'`,
    },
    {
      id: 'openai',
      label: 'OpenAI',
      note: 'npm install openai',
      code: `import OpenAI from 'openai'

const client = new OpenAI({ baseURL: '${baseUrl}/v1', apiKey: ${inScript} })
const answer = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'Say hello' }],
})
console.log(answer.choices[0].message.content)`,
    },
    {
      id: 'anthropic',
      label: 'Anthropic',
      note: 'npm install @anthropic-ai/sdk',
      code: `import Anthropic from '@anthropic-ai/sdk'

const client = new Anthropic({ baseURL: '${baseUrl}', apiKey: ${inScript} })
const answer = await client.messages.create({
  model: '${model}',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Say hello' }],
})
console.log(answer.content.find((part) => part.type === 'text')?.text)`,
    },
    {
      id: 'google',
      label: 'Google',
      note: 'npm install @google/genai',
      code: `import { GoogleGenAI } from '@google/genai'

const client = new GoogleGenAI({ apiKey: ${inScript}, httpOptions: { baseUrl: '${baseUrl}' } })
const answer = await client.models.generateContent({ model: '${model}', contents: 'Say hello' })
console.log(answer.text)`,
    },
    {
      id: 'env',
      label: '.env',
      code: [
        `OPENAI_BASE_URL=${baseUrl}/v1`,
        `OPENAI_API_KEY=${inShell}`,
        `ANTHROPIC_BASE_URL=${baseUrl}`,
        `ANTHROPIC_API_KEY=${inShell}`,
        `GOOGLE_GEMINI_BASE_URL=${baseUrl}`,
        `GEMINI_API_KEY=${inShell}`,
      ].join('\n'),
    },
    {
      id: 'claude-code',
      label: 'Claude Code',
      code: `export ANTHROPIC_BASE_URL="${baseUrl}"
export ANTHROPIC_AUTH_TOKEN="${inShell}"
export ANTHROPIC_MODEL="${model}"
export ANTHROPIC_DEFAULT_HAIKU_MODEL="${model}"
claude`,
    },
    {
      id: 'codex',
      label: 'Codex',
      code: `${key === null ? '' : `export UNIROUTE_API_KEY="${key}"\n`}codex -c model='"${model}"' -c model_provider='"uniroute"' \\
  -c model_providers.uniroute.name='"UniRoute"' \\
  -c model_providers.uniroute.base_url='"${baseUrl}/v1"' \\
  -c model_providers.uniroute.env_key='"UNIROUTE_API_KEY"' \\
  -c model_providers.uniroute.wire_api='"responses"'`,
    },
    {
      id: 'gemini-cli',
      label: 'Gemini CLI',
      code: `export GOOGLE_GEMINI_BASE_URL="${baseUrl}"
export GEMINI_API_KEY="${inShell}"
gemini --model "${model}"`,
    },
  ]
}

const LOOPBACK = /^(localhost|127\.|\[::1\])/

/**
 * Where programs reach this server: the operator's word, unless that leads only to the server itself and one is
 * elsewhere.
 */
export function chooseBaseUrl(publicUrl: string, page: string): string {
  const here = new URL('.', page)
  const told = new URL(publicUrl)
  const chosen = LOOPBACK.test(told.hostname) && !LOOPBACK.test(here.hostname) ? here : told
  return chosen.href.replace(/\/+$/, '')
}
