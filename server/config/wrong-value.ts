// What is wrong with one value, as a clause: the caller puts the name of the variable before it and an example after
// it.

export class WrongValue extends Error {
  override readonly name = 'WrongValue'
}
