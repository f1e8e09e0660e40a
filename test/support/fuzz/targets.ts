// All that is fuzzed without a server: the explicit list.
import { ANSWER_TARGETS } from './answers.ts'
import { CIPHERTEXT_TARGETS } from './ciphertexts.ts'
import { HEAD_TARGETS } from './heads.ts'
import { PARSER_TARGETS } from './parsers.ts'
import { RECORD_TARGETS } from './records.ts'
import type { FuzzTarget } from './target.ts'
import { TRANSLATION_TARGETS } from './translations.ts'

export const TARGETS: readonly FuzzTarget[] = [
  ...PARSER_TARGETS,
  ...TRANSLATION_TARGETS,
  ...CIPHERTEXT_TARGETS,
  ...RECORD_TARGETS,
  ...HEAD_TARGETS,
  ...ANSWER_TARGETS,
]
