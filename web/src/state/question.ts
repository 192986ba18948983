/** The question that is asked before something that cannot be undone. */

import { createStore } from "zustand/vanilla";

export interface Question {
  title: string;
  text: string;
  /** The label of the button that confirms. */
  action: string;
}

interface Asked extends Question {
  resolve: (isConfirmed: boolean) => void;
}

export const questionStore = createStore<{ asked?: Asked }>(() => ({}));

/** Asks before something that cannot be undone. Returns true when it is confirmed. */
export function askToConfirm(title: string, text: string, action: string): Promise<boolean> {
  answer(false); // to the one before, if there still is one
  return new Promise((resolve) =>
    questionStore.setState({ asked: { title, text, action, resolve } }),
  );
}

export function answer(isConfirmed: boolean): void {
  const { asked } = questionStore.getState();
  questionStore.setState({}, true);
  asked?.resolve(isConfirmed);
}
