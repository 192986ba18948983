import { CarrierError } from "@carrier/client";
import { type FormEvent, useState } from "react";

import { reasonOf, ruleOf } from "../state/problems";

export type Fields = Record<string, string>;

/** Reads the fields of a form, by name. */
export function fieldsOf(form: HTMLFormElement): Fields {
  return Object.fromEntries([...new FormData(form)].map(([name, text]) => [name, String(text)]));
}

/** A refusal of a form: beside the fields that it is about, or above all of them. */
interface FormErrors {
  fields: Fields;
  form?: string;
}

const NO_ERRORS: FormErrors = { fields: {} };

/** The fields that a problem is about as a whole. */
const TAKEN: Record<string, string> = { username_taken: "username", email_taken: "email" };

/** Tells a refusal beside the fields that the form has, and what else there is above them. */
function formErrors(error: unknown, has: (field: string) => boolean): FormErrors {
  const { errors = [], code = "" } = error instanceof CarrierError ? error.problem : {};
  const taken = TAKEN[code];
  const told: [field: string, message: string][] = [
    ...errors.map((one): [string, string] => [one.field, ruleOf(one)]),
    ...(taken === undefined ? [] : [[taken, reasonOf(error)] as [string, string]]),
  ];
  // Of several rules that a field breaks, the first is told.
  const fields = Object.fromEntries(told.filter(([field]) => has(field)).reverse());
  const others = told.flatMap(([field, message]) => (has(field) ? [] : [message]));
  if (told.length > 0 && others.length === 0) return { fields };
  return { fields, form: others[0] ?? reasonOf(error) };
}

/** A form whose refusals are shown beside its fields, by their names. */
export function useForm(submit: (fields: Fields, form: HTMLFormElement) => Promise<void>) {
  const [errors, setErrors] = useState(NO_ERRORS);
  const [isBusy, setBusy] = useState(false);
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setBusy(true);
    try {
      await submit(fieldsOf(form), form);
      setErrors(NO_ERRORS);
    } catch (error) {
      setErrors(formErrors(error, (field) => form.elements.namedItem(field) !== null));
    }
    setBusy(false);
  };
  return { errors, isBusy, onSubmit: (event: FormEvent<HTMLFormElement>) => void onSubmit(event) };
}
