/** What people are told of what the server refuses. */

import { CarrierError, type Problem } from "@carrier/client";
import { expect, test } from "vitest";

import { problemOf, reasonOf, ruleOf } from "../src/state/problems";

type Rule = NonNullable<Problem["errors"]>[number]["code"];

const LATER = "The server can’t do this right now. Try again in a moment.";
const NOT_UNDERSTOOD = "The server didn’t understand this. Reload the page, and try again.";

/** Of each code, what the server says and what people are told. */
const CODES: Record<Problem["code"], [detail: string, told: string][]> = {
  malformed: [
    ["query must have at most 64 characters", NOT_UNDERSTOOD],
    ["The upload ended before the whole file had come.", "The upload was interrupted. Try again."],
  ],
  unauthorized: [
    [
      "You are not logged in. Send the token as `Authorization: Bearer`.",
      "You’re not logged in any more. Log in again.",
    ],
  ],
  token_expired: [["The token …", "You’re not logged in any more. Log in again."]],
  wrong_login: [
    [
      "The username, the e-mail address or the password is wrong.",
      "Wrong username, email or password.",
    ],
  ],
  account_disabled: [
    ["This account is disabled.", "Your account is disabled. Ask the people who run this server."],
  ],
  // What only a backend is told.
  scope_missing: [["The key “x” has no scope.", "The key “x” has no scope."]],
  webhook_address: [["The `url` must be an address.", "The `url` must be an address."]],
  webhook_events: [["There is no event “x”.", "There is no event “x”."]],
  too_many_webhooks: [["There are 1000 webhooks.", "There are 1000 webhooks."]],
  too_many_keys: [["A server has at most 1000 keys.", "A server has at most 1000 keys."]],
  registration_closed: [["Closed.", "This server doesn’t take new accounts."]],
  passwords_off: [
    ["Nobody …", "Nobody logs in with a password here. Come from the product that you know."],
  ],
  origin_not_allowed: [
    ["CARRIER_ALLOWED_ORIGINS lists …", "This page can’t be used with this server."],
  ],
  role_too_low: [["Your role …", "Your role in this group doesn’t allow this."]],
  not_accepted: [["This person …", "This person doesn’t accept messages from you."]],
  mentions_all_not_allowed: [
    [
      "… Mention some by name in `mentions`.",
      "Only the owner and the admins can mention everyone here.",
    ],
  ],
  // What the operator's own service says.
  message_refused: [["No advertising here.", "No advertising here."]],
  hook_unavailable: [["Nobody judges …", LATER]],
  not_found: [
    ["There is no such user.", "There is no such user."],
    [
      "There is nothing at this path. /docs lists all operations.",
      "There is nothing here any more.",
    ],
  ],
  method_not_allowed: [["/docs lists all operations.", "There is nothing here any more."]],
  username_taken: [["This username is taken.", "This username is taken."]],
  email_taken: [
    ["Another account has this e-mail address.", "This email address already has an account."],
  ],
  last_owner: [
    [
      "You own this group. …",
      "You own this group. Make another member the owner, or remove everyone else, " +
        "before you leave.",
    ],
  ],
  group_full: [["A group has at most 1000 members.", "A group has at most 1000 members."]],
  direct_chat: [["Create a group instead.", "This isn’t possible in a chat with one person."]],
  too_many_reactions: [["A message has at most 20.", "A message has at most 20."]],
  too_many_hidden: [["At most 5000 …", "At most 5000 …"]],
  invite_ended: [["Ask for another one.", "This invitation has ended. Ask for another one."]],
  too_many_invites: [
    ["A group has at most 20 invitations.", "A group has at most 20 invitations."],
  ],
  too_many_pins: [["A chat has at most 50 pinned …", "A chat has at most 50 pinned …"]],
  too_many_blocks: [["You block as many …", "You block as many …"]],
  client_id_reused: [
    [
      "You sent another message under this client_id. Use a new one.",
      "This message could not be sent. Copy its text, and write it again.",
    ],
  ],
  too_large: [
    [
      "The file is too large: it may have at most 26214400 bytes.",
      "This file is too large. It can be at most 26.2 MB.",
    ],
    ["payload too large", "This is too large."],
  ],
  unsupported_media_type: [
    [
      "The file must be an image in PNG, JPEG, WebP or GIF.",
      "The file must be an image in PNG, JPEG, WebP or GIF.",
    ],
    ["The body must be JSON, with `Content-Type: application/json`.", NOT_UNDERSTOOD],
  ],
  range_not_satisfiable: [
    ["The file has 12 bytes.", "This file has changed. Reload the page, and try again."],
  ],
  invalid: [["something is wrong", "Something is wrong."]],
  // The page sends none.
  invalid_metadata: [["metadata: must be a JSON object", NOT_UNDERSTOOD]],
  rate_limited: [
    [
      'The limit "login" is 10 in 1m. Try again in 30 s.',
      "Too many attempts. Try again in 30 seconds.",
    ],
    ['The limit "cost" is used up. Try again in 1 s.', "Too many attempts. Try again in 1 second."],
    ["The limit. Try again in 600 s.", "Too many attempts. Try again in 10 minutes."],
    [
      "Too many searches of yours wait. Try again when it is done.",
      "Too many attempts. Try again in a moment.",
    ],
    [
      "You may upload 5368709120 bytes in a day. Try again in 9000 s.",
      "You’ve uploaded as much as you can in a day. Try again in 3 hours.",
    ],
  ],
  internal: [["The id …", "Something went wrong on the server. Try again in a moment."]],
  not_durable: [["The change was made, but Redis …", LATER]],
  store_unavailable: [["Redis does not answer as it should.", LATER]],
  store_behind: [["The server's stores are …", LATER]],
  store_full: [["Redis is full.", LATER]],
  history_unavailable: [["… only in SQL, and SQL does not answer.", LATER]],
  files_unavailable: [
    [
      "The server has too little room for files.",
      "The server can’t take or give files right now. Try again later.",
    ],
  ],
  provider_unavailable: [["The keys …", LATER]],
  clock_skew: [["The clock of Redis …", LATER]],
  busy: [["Too much of this is under way.", LATER]],
};

test.each(
  Object.entries(CODES).flatMap(([code, all]) => all.map((one) => [code, ...one] as const)),
)("%s: %s", (code, detail, told) => {
  const problem = {
    type: "about:blank",
    code: code as Problem["code"],
    title: "",
    status: 400,
    detail,
    request_id: "1",
  };
  expect(problemOf(problem)).toBe(told);
  expect(reasonOf(new CarrierError(problem))).toBe(told);
});

const SEEN = "must have something to see: letters, digits, signs or emoji";
const HIDDEN = "must not have control characters, or others that are not seen";

/** Of each rule, the fields, what the server says, and what people are told. */
const RULES: Record<Rule, [field: string, detail: string, told: string][]> = {
  length: [
    [
      "username",
      "must have 3 to 32 characters, has 2",
      "The username must be 3 to 32 characters long; this has 2.",
    ],
    ["display_name", "must have 1 to 64 characters, has 0", "The name can’t be empty."],
    [
      "bio",
      "must have 0 to 1000 characters, has 1200",
      "The text about you must be at most 1000 characters long; this has 1200.",
    ],
    [
      "current_password",
      "must have at most 256 characters",
      "Your password must be at most 256 characters long.",
    ],
    [
      "login",
      "is longer than any username or e-mail address",
      "No username or email address is that long.",
    ],
    ["mentions", "a message names at most 50 members", "This message mentions too many people."],
    ["attachments", "a message has at most 10 files", "A message has at most 10 files."],
    [
      "members",
      "a direct chat has exactly one other person",
      "A direct chat has exactly one other person.",
    ],
  ],
  characters: [
    [
      "username",
      "may have only a-z A-Z 0-9 _ . and -",
      "The username can have only letters from a to z, digits, “_”, “.” and “-”.",
    ],
    ["display_name", SEEN, "The name needs at least one visible character."],
    ["body", SEEN, "The message needs at least one visible character."],
    ["name", HIDDEN, "The name can’t have hidden characters or line breaks."],
    [
      "new_password",
      "must not have control characters or line breaks",
      "The new password can’t have hidden characters or line breaks.",
    ],
    ["attachments", HIDDEN, "This can’t have hidden characters or line breaks."],
    ["attachments", "must not be the name of a folder", "This must not be the name of a folder."],
  ],
  email: [["email", "must be an e-mail address, …", "Enter a valid email address."]],
  emoji: [["emoji", "must be exactly one emoji, as in 👍", "Choose exactly one emoji."]],
  range: [["muted_until", "must be a time from 1970 to 2255", "This is out of range."]],
  required: [
    [
      "current_password",
      "is needed for a new username or e-mail address",
      "Enter your password to change your username or email.",
    ],
    ["body", "give `body`, `subject`, …", "There is nothing to change."],
    ["read", "give `read`, `delivered` or both", "Something is missing here."],
  ],
  not_nullable: [["name", "can be changed, not cleared", "This can be changed, but not removed."]],
  not_allowed: [["name", "a direct chat has no name", "A direct chat has no name."]],
  reserved: [["username", "must not be a UUID", "This username is reserved. Choose another one."]],
  common: [
    [
      "password",
      "is one of the most common passwords; choose another one",
      "This password is too easy to guess. Choose another one.",
    ],
  ],
  wrong: [["current_password", "is not your password", "This isn’t your password."]],
  self: [
    ["user_id", "is yourself", "You can’t block yourself."],
    ["members", "a direct chat is with another person", "Choose somebody other than yourself."],
  ],
  unknown: [
    [
      "mentions",
      "01a1fbf3-fd4e-70dc-81dc-5b755351e0e0 is not a member of this chat",
      "Somebody whom this message mentions isn’t in this chat any more.",
    ],
    ["reply_to", "is not a message …", "The message that this answers is gone."],
    [
      "attachments",
      "has a file that was not uploaded to this chat",
      "A file of this message is gone. Attach it again.",
    ],
  ],
  unknown_member: [
    [
      "members[0]",
      'there is no user with the id, username or e-mail address "ann@example.org"',
      "No one was found with the username or email “ann@example.org”.",
    ],
    [
      "members[1]",
      'there is no user with the id, username or e-mail address "a\\"b"',
      'No one was found with the username or email “a"b”.',
    ],
  ],
  // What only a backend is told.
  twice: [["items[1]", "is named twice", "This is named twice."]],
  empty: [["file", "the file is empty", "This file is empty."]],
  too_many_pixels: [
    [
      "file",
      "the file is more than 16384 pixels wide or high, or 512 MiB when decoded",
      "This picture has too many pixels. Choose a smaller one.",
    ],
  ],
};

test.each(
  Object.entries(RULES).flatMap(([code, all]) => all.map((one) => [code, ...one] as const)),
)("%s of %s: %s", (code, field, detail, told) => {
  expect(ruleOf({ code: code as Rule, field, detail })).toBe(told);
});
