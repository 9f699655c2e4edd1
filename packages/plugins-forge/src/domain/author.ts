/** Who did something: the kind and id of a caller. */
export interface Author {
  readonly kind: string;
  readonly id: string;
}
