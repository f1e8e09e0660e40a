// The mails of this room, in words. Each says why it came, so that whoever did not ask for it knows what to do.
// Invariant: names that people chose stand in a mail as they are, on a line of their own or in quotes, never as a link.
import type { Letter } from '../../upstream/mail.ts'

interface Link {
  readonly to: string
  readonly url: string
  readonly expiresAt: number
}

export function writeResetMail({ to, url, expiresAt }: Link): Letter {
  return {
    to,
    subject: 'Choose a new password for UniRoute',
    text: join(
      'Somebody asked for a new password for your UniRoute account. Open this link to choose one:',
      url,
      `It works once, until ${toMinute(expiresAt)}. If you did not ask, do nothing: your password stays as it is.`,
    ),
  }
}

/** For whoever asked for a password and has none: no link, since that would open a second door beside the provider. */
export function writeNoPasswordMail(letter: { to: string; provider: string; publicUrl: string }): Letter {
  return {
    to: letter.to,
    subject: 'How you sign in to UniRoute',
    text: join(
      `Somebody asked for a new password for your UniRoute account. It has none: you sign in with ${letter.provider}, here:`,
      letter.publicUrl,
      'If you cannot sign in there, ask whoever runs that provider, or an administrator of this server. If you did not ask, do nothing.',
    ),
  }
}

export function writePasswordChangedMail({ to, publicUrl }: { to: string; publicUrl: string }): Letter {
  return {
    to,
    subject: 'Your UniRoute password was changed',
    text: join(
      'The password of your UniRoute account was changed, and other sessions were ended. If that was not you, ask for a new password at once:',
      publicUrl,
    ),
  }
}

export function writeAccountDeletedMail({ to, publicUrl }: { to: string; publicUrl: string }): Letter {
  return {
    to,
    subject: 'Your UniRoute account was deleted',
    text: join(
      'Your account on this UniRoute server was deleted, with its keys. Revoke your keys at their providers too: old backups hold them, sealed. If that was not you, tell the operator of:',
      publicUrl,
    ),
  }
}

export function writeInviteMail({ to, url, expiresAt }: Link): Letter {
  return {
    to,
    subject: 'You are invited to UniRoute',
    text: join(
      'An administrator invites you to make an account on this UniRoute server. Open this link to register:',
      url,
      `It works once, until ${toMinute(expiresAt)}. If you do not know what this is about, do nothing.`,
    ),
  }
}

export function writeConfirmationMail({ to, url, expiresAt }: Link): Letter {
  return {
    to,
    subject: 'Confirm your address for UniRoute',
    text: join(
      'Somebody asked for an account on this UniRoute server with this address. Open this link to make it:',
      url,
      `It works once, until ${toMinute(expiresAt)}. If you did not ask, do nothing: there will be no account.`,
    ),
  }
}

export function writeNewAccountMail({ to, url, expiresAt }: Link): Letter {
  return {
    to,
    subject: 'Your UniRoute account',
    text: join(
      'An administrator made an account for you on this UniRoute server. Open this link to choose a password:',
      url,
      `It works once, until ${toMinute(expiresAt)}. If you do not know what this is about, do nothing.`,
    ),
  }
}

function join(...paragraphs: string[]): string {
  return `${paragraphs.join('\n\n')}\n`
}

function toMinute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
