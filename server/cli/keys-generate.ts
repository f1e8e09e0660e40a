// `uniroute keys generate`: a secret that is good enough for PROVIDER_KEY_ENCRYPTION_KEY or JWT_SECRET.
import { createSecretText } from '../config/secret-files.ts'
import { type Command, print } from './command.ts'

export const keysGenerate: Command = {
  usage: '',
  help: `Prints 32 random bytes as text, for PROVIDER_KEY_ENCRYPTION_KEY or JWT_SECRET (one each). Nothing is stored.
Keep it where the database is not: whoever has both has every key, and without it nobody has any.`,
  words: [0, 0],
  async run() {
    print(createSecretText())
    return 0
  },
}
