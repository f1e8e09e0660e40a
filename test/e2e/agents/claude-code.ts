// Claude Code: Anthropic Messages towards Gemini and OpenAI models.
import { join } from 'node:path'
import { FILE_NAME, FILE_TEXT, type Agent } from './agent.ts'

export const claudeCode: Agent = {
  name: 'Claude Code',
  command: 'claude',
  program: '@anthropic-ai/claude-code/cli-wrapper.cjs',
  dialect: 'anthropic-messages',
  models: ['gemini-3.5-flash', 'gpt-5.6'],
  steps: [
    [{ name: 'Write', args: (workspace) => ({ file_path: join(workspace, FILE_NAME), content: FILE_TEXT }) }],
    [{ name: 'Read', args: (workspace) => ({ file_path: join(workspace, FILE_NAME) }) }],
  ],
  start: (_place, task) => ({
    words: ['-p', task, '--permission-mode', 'acceptEdits', '--output-format', 'text'],
    env: {
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      DISABLE_AUTOUPDATER: '1',
      DISABLE_BUG_COMMAND: '1',
    },
  }),
}
