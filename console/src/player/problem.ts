// What can go wrong, each with a sentence: audit.js.* in the language files.

export type ProblemCode =
  | "wrong_passphrase" | "foreign_key" | "second_key" | "wrong_bag" | "malformed" | "network" | "grant" | "codec" | "no_identity" | "no_video"
  | "short" | "differ" | "no_recipient" | "no_sheet" | "sheet_line" | "sheet_cut" | "sheet_twice" | "no_ed25519" | "no_root" | "other_root"
  | "policy_nobody" | "policy_twice" | "policy_name" | "policy_dual" | "policy_long" | "policy_moved" | "malformed_policy" | "no_rule" | "no_change" | "not_compared" | "gone" | "expired" | "over" | "wrong_link"
  | "no_name" | "no_passkey_name" | "no_passkeys" | "no_prf" | "passkey_address" | "passkey_twice" | "passkey_unfit" | "passkey_unmade" | "passkey_unused" | "passkey_unverified" | "passkey_wrong";

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
