// Invitations to teams, by mail. Anybody signed in may make a team and invite any address, so these mails carry no text
// that the inviter wrote, and one person cannot send many.
import type { Clock } from '../../kernel/clock.ts'
import type { Mail } from '../../upstream/mail.ts'
import { createBuckets, paceOf } from '../limits/gcra.ts'

export interface InviteMails {
  /** True if the link was handed to the mail server. */
  send(invite: { invitedBy: string; to: string | null; url: string; expiresAt: number }): boolean
}

const PACE = paceOf(20, 3_600_000)
const MOST_REMEMBERED = 10_000

export function createInviteMails(options: { mail?: Pick<Mail, 'sendLater'> | undefined; clock: Clock }): InviteMails {
  const { mail, clock } = options
  const buckets = createBuckets({ clock, max: MOST_REMEMBERED })

  return {
    send({ invitedBy, to, url, expiresAt }) {
      if (!mail || to === null || buckets.wait(PACE, invitedBy) > 0) return false
      buckets.count(PACE, invitedBy)
      const until = new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' ')
      const text = [
        'Somebody invites you to their team on this UniRoute server. Sign in with this address, then open the link:',
        url,
        `It works once, until ${until} UTC. If you do not know what this is about, do nothing.`,
      ]
      mail.sendLater(async () => ({
        to,
        subject: 'You are invited to a team on UniRoute',
        text: `${text.join('\n\n')}\n`,
      }))
      return true
    },
  }
}
