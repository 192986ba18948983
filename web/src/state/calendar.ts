/** The day and the time zone of this page, which change while it is open. */

import { createStore } from "zustand/vanilla";

const zoneOf = () => new Intl.DateTimeFormat().resolvedOptions().timeZone;
const now = () => ({ day: new Date().toDateString(), zone: zoneOf() });

export const calendarStore = createStore(now);

/** Looks at the clock: all times are drawn once more in another zone, or on another day. */
export function lookAtCalendar(): void {
  const { day, zone } = now();
  const known = calendarStore.getState();
  if (day !== known.day || zone !== known.zone) calendarStore.setState({ day, zone });
}
