// Codex: OpenAI Responses towards Anthropic and Gemini models.
import { FILE_NAME, FILE_TEXT, findProgram, type Agent } from './agent.ts'

const WRITE = `printf '%s' '${FILE_TEXT}' > ${FILE_NAME}`
const READ = `cat ${FILE_NAME}`

export const codex: Agent = {
  name: 'Codex',
  dialect: 'openai-responses',
  models: ['claude-sonnet-5', 'gemini-3.5-flash'],
  // Its tools stand in the conversation then, and it wants programs that call them, as plain text.
  knownModels: [
    { known: 'gpt-5.6-sol', model: 'claude-sonnet-5' },
    { known: 'gpt-5.6-sol', model: 'gemini-3.5-flash' },
  ],
  steps: [WRITE, READ].map((line) => [
    { name: 'exec_command', args: () => ({ cmd: line }) },
    { name: 'shell_command', args: () => ({ command: line }) },
    { name: 'exec', args: () => ({ input: `text(await tools.exec_command(${JSON.stringify({ cmd: line })}))` }) },
    { name: 'shell', args: () => ({ command: ['sh', '-c', line] }) },
  ]),
  start: ({ home, url, apiKey, model }, task) => ({
    command: process.execPath,
    words: [
      findProgram('@openai/codex/bin/codex.js'),
      'exec',
      '--skip-git-repo-check',
      '--sandbox',
      'danger-full-access',
      ...Object.entries({
        model,
        model_provider: 'uniroute',
        'model_providers.uniroute.name': 'UniRoute',
        'model_providers.uniroute.base_url': `${url}/v1`,
        'model_providers.uniroute.env_key': 'UNIROUTE_API_KEY',
        'model_providers.uniroute.wire_api': 'responses',
      }).flatMap(([name, value]) => ['-c', `${name}=${JSON.stringify(value)}`]),
      '-c',
      'check_for_update_on_startup=false',
      '-c',
      'analytics.enabled=false',
      task,
    ],
    env: { CODEX_HOME: home, UNIROUTE_API_KEY: apiKey },
  }),
}
