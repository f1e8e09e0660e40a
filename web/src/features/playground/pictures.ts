// Pictures to send along: read here, drawn on a canvas, sent as data: addresses.
import { markRaw } from 'vue'
import type { AttachedPicture } from './chatTypes.ts'

/** What the providers' dialects take. */
export const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif']
export const MOST_PICTURES = 4
export const MOST_PICTURE_BYTES = 5 * 1024 * 1024

let next = 1

/** null where it is none, or too large. */
export async function readPicture(file: File): Promise<AttachedPicture | null> {
  if (!PICTURE_TYPES.includes(file.type) || file.size > MOST_PICTURE_BYTES) return null
  const dataUrl = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader()
    reader.addEventListener('load', () => resolve(reader.result as string))
    reader.addEventListener('error', () => reject(reader.error as Error))
    reader.readAsDataURL(file)
  })
  return markRaw({ id: next++, name: file.name, dataUrl, blob: file })
}

/** A data: address as bytes; null where it is none. */
export function decodePicture(dataUrl: string): Blob | null {
  const [, type, data] = /^data:(image\/[a-z+.-]+);base64,(.+)$/s.exec(dataUrl) ?? []
  if (type === undefined || data === undefined) return null
  return new Blob([Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0))], { type })
}
