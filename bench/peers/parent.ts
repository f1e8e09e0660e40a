// How a peer or a proxy of ours talks to the benchmark that started it: it is asked by name and answers once. It ends
// when the benchmark does.

type Answer = object | Promise<object>

/** Says what `start` returns at once, then answers each call by the function of that name. */
export function serveParent(calls: { start(): Answer } & Record<string, (argument: unknown) => Answer>): void {
  const send = (id: number, answer: Answer): void => {
    Promise.resolve(answer).then(
      (value) => process.send?.({ id, value }),
      (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.message : String(error) }),
    )
  }
  process.on('message', ({ id, name, argument }: { id: number; name: string; argument: unknown }) => {
    const call = calls[name]
    send(id, call ? call(argument) : Promise.reject(new Error(`It cannot ${name}.`)))
  })
  process.on('disconnect', () => process.exit())
  // A terminal's Ctrl-C reaches everybody; the benchmark says when to go.
  process.on('SIGINT', () => undefined)
  send(0, calls.start())
}
