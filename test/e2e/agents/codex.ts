// Codex: OpenAI Responses towards Anthropic and Gemini models.
import { FILE_NAME, FILE_TEXT, type Agent } from './agent.ts'

const WRITE = `printf '%s' '${FILE_TEXT}' > ${FILE_NAME}`
const READ = `cat ${FILE_NAME}`

export const codex: Agent = {
  name: 'Codex',
  command: 'codex',
  program: '@openai/codex/bin/codex.js',
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
  start: ({ home }, task) => ({
    words: [
      'exec',
      '--skip-git-repo-check',
      '--sandbox',
      'danger-full-access',
      '-c',
      'check_for_update_on_startup=false',
      '-c',
      'analytics.enabled=false',
      task,
    ],
    env: { CODEX_HOME: home },
  }),
}
