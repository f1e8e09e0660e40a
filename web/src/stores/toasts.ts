// Short messages about things that left the screen, with Undo where that is true.
import { defineStore } from 'pinia'
import { ref } from 'vue'

export interface Toast {
  readonly id: number
  readonly text: string
  readonly action?: { readonly label: string; readonly run: () => void } | undefined
}

const SHOWN_MS = 8_000

export const useToastStore = defineStore('toasts', () => {
  const toasts = ref<Toast[]>([])
  let next = 1

  function dismiss(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }

  function show(text: string, action?: Toast['action']): void {
    const id = next++
    toasts.value = [...toasts.value.slice(-2), { id, text, action }]
    setTimeout(() => dismiss(id), SHOWN_MS)
  }

  return { toasts, show, dismiss }
})
