// Claude Code: Anthropic Messages towards Gemini and OpenAI models.
import { join } from 'node:path'
import { FILE_NAME, FILE_TEXT, findProgram, type Agent } from './agent.ts'

export const claudeCode: Agent = {
  name: 'Claude Code',
  dialect: 'anthropic-messages',
  models: ['gemini-3.5-flash', 'gpt-5.6'],
  steps: [
    [{ name: 'Write', args: (workspace) => ({ file_path: join(workspace, FILE_NAME), content: FILE_TEXT }) }],
    [{ name: 'Read', args: (workspace) => ({ file_path: join(workspace, FILE_NAME) }) }],
  ],
  start: ({ url, apiKey, model }, task) => ({
    command: process.execPath,
    words: [
      findProgram('@anthropic-ai/claude-code/cli-wrapper.cjs'),
      '-p',
      task,
      '--permission-mode',
      'acceptEdits',
      '--output-format',
      'text',
    ],
    env: {
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: apiKey,
      ANTHROPIC_MODEL: model,
      // Titles and summaries go to the same model.
      ANTHROPIC_SMALL_FAST_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      DISABLE_AUTOUPDATER: '1',
      DISABLE_BUG_COMMAND: '1',
    },
  }),
}
