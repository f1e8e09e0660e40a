// Gemini CLI: Gemini towards Anthropic and OpenAI models.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FILE_NAME, FILE_TEXT, type Agent } from './agent.ts'

/**
 * Without a chosen way to log in, a base URL alone means a gateway without a key, which it refuses to run without a
 * person.
 */
const SETTINGS = {
  security: { auth: { selectedType: 'gemini-api-key' } },
  general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
}

export const geminiCli: Agent = {
  name: 'Gemini CLI',
  command: 'gemini',
  program: '@google/gemini-cli/bundle/gemini.js',
  dialect: 'gemini',
  models: ['claude-sonnet-5', 'gpt-5.6'],
  steps: [
    [{ name: 'write_file', args: (workspace) => ({ file_path: join(workspace, FILE_NAME), content: FILE_TEXT }) }],
    [{ name: 'read_file', args: (workspace) => ({ file_path: join(workspace, FILE_NAME) }) }],
  ],
  start({ home }, task) {
    mkdirSync(join(home, '.gemini'), { recursive: true })
    writeFileSync(join(home, '.gemini', 'settings.json'), JSON.stringify(SETTINGS))
    return {
      words: ['-p', task, '--yolo', '--skip-trust', '--output-format', 'text'],
      env: {
        GEMINI_TELEMETRY_ENABLED: 'false',
        // It would start itself again with more memory.
        GEMINI_CLI_NO_RELAUNCH: 'true',
      },
    }
  },
}
