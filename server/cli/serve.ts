// `uniroute serve`: the server itself, as `npm start` runs it.
import type { Command } from './command.ts'

export const serve: Command = {
  usage: '',
  help: `Prints the line "UniRoute ready at …" on stdout when it can be used, and logs on stderr.
SIGTERM lets requests in flight finish, then ends it.`,
  words: [0, 0],
  async run() {
    // Runs until a signal; it sets its own exit code.
    await import('../main.ts')
    return new Promise<number>(() => {})
  },
}
