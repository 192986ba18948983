/** Errors, in words for people. */

import { CarrierError, type Problem } from "@carrier/client";

import { isolated } from "./direction";
import { sizeLimit } from "./files";

type FieldError = NonNullable<Problem["errors"]>[number];

/** The subjects of what the server says about fields. */
const SUBJECTS: Record<string, string> = {
  username: "The username",
  email: "The email address",
  login: "The username or email",
  password: "The password",
  new_password: "The new password",
  current_password: "Your password",
  display_name: "The name",
  bio: "The text about you",
  name: "The name",
  description: "The description",
  body: "The message",
  subject: "The subject",
  device: "The name of the device",
};

/** What is said of a field that the page does not name. */
const NAMELESS = "This";
/** The beginning of what the server says of a field without naming it. */
const PREDICATE = /^(?:must|may|can|is|has|needs|should|does|was)\b/;

/** Makes a sentence of what the server says. */
function sentence(detail: string): string {
  const begun = detail.charAt(0).toUpperCase() + detail.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

const LENGTH = /^must have (?:at most|(\d+) to) (\d+) characters(?:, has (\d+))?/;

/** Says how long a text must be; `undefined` for what is no text. */
function lengthOf(subject: string, detail: string): string | undefined {
  const [found, least = "0", most, has] = LENGTH.exec(detail) ?? [];
  if (found === undefined) return undefined;
  if (has === "0" && Number(least) <= 1) return `${subject} can’t be empty.`;
  const bounds = Number(least) <= 1 ? `at most ${most}` : `${least} to ${most}`;
  const count = has === undefined ? "" : `; this has ${has}`;
  return `${subject} must be ${bounds} characters long${count}.`;
}

/** What is said of a rule, whatever the field. */
const RULES: Partial<Record<FieldError["code"], string>> = {
  email: "Enter a valid email address.",
  emoji: "Choose exactly one emoji.",
  common: "This password is too easy to guess. Choose another one.",
  wrong: "This isn’t your password.",
  self: "Choose somebody other than yourself.",
  unknown: "Something that this refers to is gone.",
  not_nullable: "This can be changed, but not removed.",
  range: "This is out of range.",
  required: "Something is missing here.",
  empty: "This file is empty.",
  too_many_pixels: "This picture has too many pixels. Choose a smaller one.",
};

/** What is said of a rule for one field. */
const FIELD_RULES: Record<string, string> = {
  "username characters":
    "The username can have only letters from a to z, digits, “_”, “.” and “-”.",
  "username reserved": "This username is reserved. Choose another one.",
  "login length": "No username or email address is that long.",
  "current_password required": "Enter your password to change your username or email.",
  "body required": "There is nothing to change.",
  "mentions length": "This message mentions too many people.",
  "mentions unknown": "Somebody whom this message mentions isn’t in this chat any more.",
  "reply_to unknown": "The message that this answers is gone.",
  "attachments unknown": "A file of this message is gone. Attach it again.",
  "user_id self": "You can’t block yourself.",
};

/** Returns the sentence that tells people which rule a field breaks. */
export function ruleOf({ field, code, detail }: FieldError): string {
  const ours = FIELD_RULES[`${field} ${code}`] ?? RULES[code];
  if (ours !== undefined) return ours;
  if (code === "unknown_member") {
    const [, name] = /"((?:[^"\\]|\\.)*)"$/.exec(detail) ?? [];
    const named = name === undefined ? "" : ` “${isolated(name.replaceAll(/\\(.)/g, "$1"))}”`;
    return `No one was found with the username or email${named}.`;
  }
  const subject = SUBJECTS[field] ?? NAMELESS;
  const length = code === "length" ? lengthOf(subject, detail) : undefined;
  if (length !== undefined) return length;
  if (/must have something to see/.test(detail))
    return `${subject} needs at least one visible character.`;
  if (/characters.* not seen|control characters/.test(detail))
    return `${subject} can’t have hidden characters or line breaks.`;
  return sentence(PREDICATE.test(detail) ? `${subject} ${detail}` : detail);
}

const LATER = "The server can’t do this right now. Try again in a moment.";
const NOT_UNDERSTOOD = "The server didn’t understand this. Reload the page, and try again.";

/** What is said of a problem; the server's own sentence where there is nothing. */
const PROBLEMS: Partial<Record<Problem["code"], string>> = {
  malformed: NOT_UNDERSTOOD,
  unauthorized: "You’re not logged in any more. Log in again.",
  token_expired: "You’re not logged in any more. Log in again.",
  wrong_login: "Wrong username, email or password.",
  account_disabled: "Your account is disabled. Ask the people who run this server.",
  registration_closed: "This server doesn’t take new accounts.",
  passwords_off: "Nobody logs in with a password here. Come from the product that you know.",
  origin_not_allowed: "This page can’t be used with this server.",
  role_too_low: "Your role in this group doesn’t allow this.",
  not_accepted: "This person doesn’t accept messages from you.",
  mentions_all_not_allowed: "Only the owner and the admins can mention everyone here.",
  invite_ended: "This invitation has ended. Ask for another one.",
  method_not_allowed: NOT_UNDERSTOOD,
  invalid_metadata: NOT_UNDERSTOOD,
  username_taken: "This username is taken.",
  email_taken: "This email address already has an account.",
  last_owner:
    "You own this group. Make another member the owner, or remove everyone else, before you leave.",
  direct_chat: "This isn’t possible in a chat with one person.",
  client_id_reused: "This message could not be sent. Copy its text, and write it again.",
  range_not_satisfiable: "This file has changed. Reload the page, and try again.",
  internal: "Something went wrong on the server. Try again in a moment.",
  not_durable: LATER,
  store_unavailable: LATER,
  store_behind: LATER,
  store_full: LATER,
  history_unavailable: LATER,
  provider_unavailable: LATER,
  clock_skew: LATER,
  busy: LATER,
  hook_unavailable: LATER,
  files_unavailable: "The server can’t take or give files right now. Try again later.",
};

/** Returns a number of seconds in words. */
function waitOf(seconds: number): string {
  const [count, unit] =
    seconds < 120
      ? [seconds, "second"]
      : seconds < 7200
        ? [Math.ceil(seconds / 60), "minute"]
        : [Math.ceil(seconds / 3600), "hour"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Says when something may be tried again that was done too often. */
function tooOften(detail: string): string {
  const [, seconds] = /in (\d+) s\.$/.exec(detail) ?? [];
  const when = seconds === undefined ? "a moment" : waitOf(Number(seconds));
  const what = /\bupload \d+ bytes in a day/.test(detail)
    ? "You’ve uploaded as much as you can in a day."
    : "Too many attempts.";
  return `${what} Try again in ${when}.`;
}

function tooLarge(detail: string): string {
  const [, most] = /at most (\d+) bytes/.exec(detail) ?? [];
  if (most === undefined) return "This is too large.";
  return `This file is too large. It can be at most ${sizeLimit(Number(most))}.`;
}

/** Returns the sentence that tells people what a problem is. */
export function problemOf({ code, detail, errors: [first] = [] }: Problem): string {
  if (first !== undefined) return ruleOf(first);
  if (code === "rate_limited") return tooOften(detail);
  if (code === "too_large") return tooLarge(detail);
  if (code === "malformed" && detail.startsWith("The upload"))
    return "The upload was interrupted. Try again.";
  if (code === "unsupported_media_type" && !detail.startsWith("The file")) return NOT_UNDERSTOOD;
  if (detail.includes("/docs")) return "There is nothing here any more.";
  return PROBLEMS[code] ?? sentence(detail);
}

/** Returns the sentence that tells people why a call failed. */
export function reasonOf(error: unknown): string {
  if (error instanceof CarrierError) return problemOf(error.problem);
  // Fetch throws a TypeError, with the browser's own words.
  if (error instanceof Error && !(error instanceof TypeError)) return error.message;
  return "The server isn’t responding. Are you online?";
}

/** True when the server answered, and trying again would not change its answer. */
export function isFinal(error: unknown): error is CarrierError {
  return (
    error instanceof CarrierError && error.problem.status < 500 && error.problem.status !== 429
  );
}
