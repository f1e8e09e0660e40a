// How one try carries a request to a provider and its answer back: relayed in the client's own dialect, or translated.
// The attempt does not know which.
import type { ProtocolId, UpstreamError } from '../protocols/protocol.ts'
import type { UpstreamHeaders, UpstreamRequest } from '../upstream/upstream.ts'
import type { Answer } from './answer.ts'
import type { CredentialScan } from './credential-scan.ts'

export interface Carrier {
  /** Spoken to the provider. */
  readonly dialect: ProtocolId
  /** POST where absent. */
  readonly method?: UpstreamRequest['method']
  readonly path: string
  /** null sends none. */
  readonly body: readonly Uint8Array[] | null
  /** The provider's own words about a request at fault may go to the client as they are. */
  readonly relaysErrors: boolean
  /** Header names and values in turn; `credential` is the key's text, or null where none is needed. */
  buildHeaders(credential: string | null): string[]
  decodeError(status: number, body: string): UpstreamError
  /** The answer for a good status; null where its content type is none that can be carried. */
  createAnswer(status: number, headers: UpstreamHeaders, scan: CredentialScan): Answer | null
}
