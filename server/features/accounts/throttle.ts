// Slows down guessing at sign-in, registration, set-up and reset.
// Invariants: attempts are counted before they are checked, so parallel ones gain nothing; addresses are counted by
// network, so one IPv6 customer is one guesser; nobody can lock an account's owner out, because an address from which
// the account was opened before does not depend on what other addresses try.
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createBuckets, paceOf, type Pace } from '../limits/gcra.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const PACES = {
  /** Failed sign-ins from one address. */
  signInAddress: paceOf(60, 5 * MINUTE),
  /** One account from one address. */
  signInPair: paceOf(10, 10 * MINUTE),
  /** One account from all unknown addresses together: stops distributed guessing at about 2,400 a day. */
  signInAccount: paceOf(100, HOUR),
  register: paceOf(60, HOUR),
  reset: paceOf(20, HOUR),
  /** Mails with a link that a stranger asked for, to one mailbox. */
  linkMail: paceOf(3, HOUR),
  setup: paceOf(20, 10 * MINUTE),
  /** Going to the sign-in provider and coming back. */
  providerSignIn: paceOf(60, 5 * MINUTE),
  /** The current password asked for while signed in. */
  confirmPassword: paceOf(10, 10 * MINUTE),
} satisfies Record<string, Pace>
type PaceName = keyof typeof PACES

export interface Throttle {
  /** Counts an attempt; throws `too_many_attempts` with Retry-After. */
  countRegister(ip: string): void
  countReset(ip: string): void
  /** May another link go to this mailbox? Counts if so; never throws, for the answer must not tell. */
  admitLinkMail(email: string): boolean
  countSetup(ip: string): void
  countProviderSignIn(ip: string): void
  countPasswordConfirmation(userId: string): void
  settlePasswordConfirmation(userId: string): void
  /**
   * Counts a sign-in. `isKnownAddress` is asked only when strangers have used up the account's own pace: did this
   * address open the account before?
   */
  countSignIn(email: string, ip: string, isKnownAddress: () => Promise<boolean>): Promise<void>
  /** A sign-in succeeded: this address is the owner's, and what it tried before is forgiven. */
  settleSignIn(email: string, ip: string): void
  readonly size: number
}

export function createThrottle(options: { clock: Clock; max?: number }): Throttle {
  const { clock, max = 50_000 } = options
  const buckets = createBuckets({ clock, max })
  const ownAddresses = new Map<string, true>()

  function waitOf(name: PaceName, subject: string): number {
    return buckets.wait(PACES[name], `${name} ${subject}`)
  }

  function count(name: PaceName, subject: string): void {
    buckets.count(PACES[name], `${name} ${subject}`)
  }

  function admit(name: PaceName, subject: string): void {
    const wait = waitOf(name, subject)
    if (wait > 0) throw tooMany(wait)
    count(name, subject)
  }

  return {
    countRegister: (ip) => admit('register', networkOf(ip)),
    countReset: (ip) => admit('reset', networkOf(ip)),
    admitLinkMail(email) {
      const isFree = waitOf('linkMail', email) === 0
      if (isFree) count('linkMail', email)
      return isFree
    },
    countSetup: (ip) => admit('setup', networkOf(ip)),
    countProviderSignIn: (ip) => admit('providerSignIn', networkOf(ip)),
    countPasswordConfirmation: (userId) => admit('confirmPassword', userId),
    settlePasswordConfirmation: (userId) => buckets.forget(`confirmPassword ${userId}`),
    async countSignIn(email, ip, isKnownAddress) {
      const network = networkOf(ip)
      const pair = `${network} ${email}`
      admit('signInAddress', network)
      admit('signInPair', pair)
      if (ownAddresses.has(pair)) return
      const wait = waitOf('signInAccount', email)
      if (wait > 0 && !(await isKnownAddress())) throw tooMany(wait)
      if (wait === 0) count('signInAccount', email)
    },
    settleSignIn(email, ip) {
      const network = networkOf(ip)
      const pair = `${network} ${email}`
      buckets.forget(`signInPair ${pair}`)
      buckets.giveBack(PACES.signInAddress, `signInAddress ${network}`)
      ownAddresses.delete(pair)
      ownAddresses.set(pair, true)
      if (ownAddresses.size > max) ownAddresses.delete(ownAddresses.keys().next().value as string)
    },
    get size() {
      return buckets.size + ownAddresses.size
    },
  }
}

function tooMany(waitMs: number): GatewayError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  return new GatewayError('too_many_attempts', {
    message: `Too many attempts. Wait ${seconds} ${seconds === 1 ? 'second' : 'seconds'}, then try again.`,
    retryAfter: seconds,
  })
}

/** The network an address belongs to: itself for IPv4 (also when mapped), the first 64 bits for IPv6. */
export function networkOf(ip: string): string {
  const address = ip.toLowerCase().replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)
  if (mapped) return mapped[1]!
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
