// Calls as the signed-in person. A refused token is refreshed once; if that fails too, the call waits for the sign-in
// that opens over the page, then goes out again. So does a call that needs a more recent sign-in. Whoever is refused
// after that is told so: there is no loop.
import { demandFactor, readToken, refreshSession, waitForSignIn } from '../session.ts'
import { askForProof } from '../proof.ts'
import { ApiError, send, sendForAnswer, type SendOptions } from './send.ts'

type CallOptions = Omit<SendOptions, 'token'>

export function call<Answer>(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  return signedIn((token) => send<Answer>(method, path, { ...options, token }))
}

/** For files and streams: the answer with its body not read yet. */
export function callForAnswer(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  return signedIn((token) => sendForAnswer(method, path, { ...options, token }))
}

async function signedIn<Answer>(work: (token: string | null) => Promise<Answer>): Promise<Answer> {
  try {
    return await inSession(work)
  } catch (error) {
    if (!isStaleSignIn(error) || !(await askForProof())) throw error
  }
  return inSession(work)
}

async function inSession<Answer>(work: (token: string | null) => Promise<Answer>): Promise<Answer> {
  const token = readToken()
  try {
    return await work(token)
  } catch (error) {
    if (error instanceof ApiError && error.code === 'second_factor_not_set_up') demandFactor()
    if (!isRefusedToken(error)) throw error
  }
  if (!(await refreshSession(token))) await waitForSignIn()
  return work(readToken())
}

function isRefusedToken(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401
}

function isStaleSignIn(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'reauthentication_required'
}
