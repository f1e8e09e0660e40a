// Answers of the addresses that need no account.
import { z } from 'zod'

export const openAnswers = {
  health: z.object({ status: z.literal('ok') }).meta({ id: 'Health' }),
  ready: z.object({ status: z.enum(['ready', 'not ready']), reasons: z.array(z.string()) }).meta({ id: 'Readiness' }),
}
