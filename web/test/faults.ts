/** What keeps people from using a screen. */

import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { expect } from "./support";

/** Returns what axe finds, of any weight; all rules, or some. */
export async function found(page: Page, rules?: string[]): Promise<string[]> {
  // There are no frames: without them it needs no page of its own for each look.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ["violations"] });
  const { violations } = await (rules === undefined ? axe : axe.withRules(rules)).analyze();
  return violations.map(({ id, nodes }) => {
    const shown = nodes.map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`);
    return `${id}: ${shown.join(" | ")}`;
  });
}

/** Expects no fault once the page has come to rest: what is half faded in is hard to read. */
export const look = (page: Page, where: string) =>
  expect.poll(() => found(page), where).toEqual([]);

/**
 * Returns what can be clicked and is smaller than so many pixels, or is cut at a side; links in a
 * text may be small.
 */
export const small = (page: Page, least: number) =>
  page.evaluate((least) => {
    const all = document.querySelectorAll<HTMLElement>(
      "a[href], button, input:not([type=file]), textarea, [role=menuitem], [role=tab]",
    );
    const isChosen = (one: HTMLElement) =>
      one instanceof HTMLInputElement && ["radio", "checkbox"].includes(one.type);
    /** What is clicked for an element: a field with its frame, or the labels of a choice. */
    const targetOf = (one: HTMLElement): DOMRect => {
      if (!isChosen(one))
        return (one.closest(".mantine-Input-wrapper") ?? one).getBoundingClientRect();
      const boxes = [...((one as HTMLInputElement).labels ?? [])].map((it) =>
        it.getBoundingClientRect(),
      );
      const [left, top] = [
        Math.min(...boxes.map((box) => box.left)),
        Math.min(...boxes.map((box) => box.top)),
      ];
      const [right, bottom] = [
        Math.max(...boxes.map((box) => box.right)),
        Math.max(...boxes.map((box) => box.bottom)),
      ];
      return new DOMRect(left, top, right - left, bottom - top);
    };
    const isCut = (one: HTMLElement, box: DOMRect) => {
      if (box.left < -1 || box.right > innerWidth + 1) return true;
      for (let it = one.parentElement; it !== null; it = it.parentElement) {
        const room = it.getBoundingClientRect();
        if (getComputedStyle(it).overflowX === "visible") continue;
        if (box.left < room.left - 1 || box.right > room.right + 1) return true;
      }
      return false;
    };
    return [...all]
      .filter((one) => isChosen(one) || one.checkVisibility({ opacityProperty: true }))
      .filter(
        (one) =>
          one.closest("p, textarea[aria-hidden=true]") === null &&
          !one.parentElement?.closest("[aria-hidden=true]"),
      )
      .flatMap((one) => {
        const box = targetOf(one);
        const isInline = getComputedStyle(one).display === "inline";
        const isHidden =
          !(box.width >= 2) || (!isChosen(one) && getComputedStyle(one).clipPath !== "none");
        if (isInline || isHidden) return [];
        const isSmall = Math.min(box.width, box.height) < least - 0.5;
        if (!isSmall && !isCut(one, box)) return [];
        const size = `${Math.round(box.width)} x ${Math.round(box.height)}`;
        const name = one.ariaLabel ?? (one.textContent || one.className);
        return [`${name}: ${size}${isSmall ? "" : ", cut"}`];
      });
  }, least);
