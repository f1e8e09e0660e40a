// The one-time code of a printed or mailed link. It travels in the fragment, which no server and no log sees, and
// leaves the address at once, so that it stays in no history either.
export function takeFragmentCode(): string {
  const code = decodeURIComponent(location.hash.slice(1))
  if (code !== '') history.replaceState(history.state, '', location.pathname + location.search)
  return code
}
