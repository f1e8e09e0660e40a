// Structured logs on stderr, one JSON object a line (pretty on a terminal). Nothing that could carry a prompt, an
// answer or a secret is ever a field; `redact` is the second line of defence, `Secret` the first.
import { pino, type Logger } from 'pino'

export type Log = Logger

const REDACTED_PATHS = ['*.authorization', '*.cookie', '*.password', '*.api_key', '*.token', '*.secret']

export function createLog(options: { level: string; pretty?: boolean }): Log {
  const destination = pino.destination({ fd: 2, sync: true })
  const base = { level: options.level, base: null, redact: { paths: REDACTED_PATHS, censor: '[redacted]' } }
  if (!options.pretty) return pino(base, destination)
  return pino(base, {
    write(line: string) {
      destination.write(prettyLine(line))
    },
  })
}

const LEVELS: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

function prettyLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: number; msg?: string }
  const rest = Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : ''
  return `${new Date(time).toISOString().slice(11, 19)} ${LEVELS[level] ?? level} ${msg ?? ''}${rest}\n`
}
