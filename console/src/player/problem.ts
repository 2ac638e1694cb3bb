// What can go wrong, each with a sentence: audit.js.* in the language files.

export type ProblemCode =
  | "wrong_passphrase" | "foreign_key" | "second_key" | "wrong_bag" | "malformed" | "network" | "grant" | "codec" | "no_identity" | "no_video";

/** A Problem is told to the person; everything else that is thrown is a mistake of ours. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly values: Record<string, string>;

  constructor(code: ProblemCode, values: Record<string, string> = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}
