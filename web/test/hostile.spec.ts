import { expect, type Person, test } from "./support";

const MOST = 10_000;
const fill = (text: string) => text.repeat(Math.floor(MOST / text.length)).trim();
const rows = (count: number, row: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => row(at)).join("\n");

/** Texts that are made to take long. Each is drawn, whatever it looks like. */
const HOSTILE: [string, string][] = [
  ["lists in a line", fill("- ")],
  ["quotes in a line", fill("> ")],
  ["quotes without spaces", fill(">")],
  ["quotes and lists", fill(">- ")],
  ["numbers in a line", fill("1. ")],
  ["tasks in a line", fill("- [ ] ")],
  ["lists by indent", rows(130, (at) => `${" ".repeat(at)}- a`)],
  ["many items", fill("- a\n")],
  ["lazy lines of a quote", `${"> ".repeat(12)}a\n${fill("a\n").slice(0, 9900)}`],
  ["open brackets", fill("[")],
  ["open links", fill("[a](")],
  ["open pictures", fill("![")],
  ["many links", fill("[a](https://b.example) ")],
  ["links in links", `${"[".repeat(2500)}a${"](b)".repeat(1800)}`],
  ["open emphasis", fill("*a ")],
  ["mixed emphasis", fill("*a**b")],
  ["emphasis in emphasis", fill("*a_b")],
  ["a row of stars", `a${fill("*").slice(1)}`],
  ["much struck out", fill("~~a ")],
  ["a table of many rows", `|a|b|\n|-|-|\n${fill("|a|b|\n").slice(0, 9900)}`],
  ["a table of many columns", `|${fill("a|").slice(0, 4900)}\n|${fill("-|").slice(0, 4900)}`],
  ["backticks of all lengths", rows(130, (at) => "`".repeat(at + 1)).replaceAll("\n", " ")],
  ["open code", fill("`a``")],
  ["fences", fill("```\n")],
  ["open tags", fill("<a ")],
  ["comments", fill("<!--")],
  ["entities", fill("&amp;")],
  ["definitions", fill("[a]: b\n")],
  ["notes", fill("[^a]: ")],
  ["addresses", fill("https://a.example ")],
  ["addresses of mail", fill("a@b.example ")],
  ["half addresses", fill("https://")],
  ["empty lines", `a${"\n".repeat(9990)}*`],
  ["spaces", `*${" ".repeat(9990)}a`],
  ["dots after an at", `*@${".".repeat(9990)}`],
  ["marks on one letter", `*Z${"\u0301".repeat(9990)}`],
  ["a word without end", `*${"a".repeat(9990)}`],
  ["both directions", `*${"\u202eab\u2067".repeat(2400)}`],
];
/** The work that the page may have with a chat, in seconds; the worst takes a third of that. */
const MOST_WORK = 2;

/**
 * Returns how to ask for the work of a page's main thread so far, in seconds. It is time of the
 * processor: what other tests take does not count.
 */
async function watchWork(who: Person): Promise<() => Promise<number>> {
  const devtools = await who.context.newCDPSession(who.page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await devtools.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN;
  };
}

test("no message keeps a reader's page from anything", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chats = await Promise.all(
    HOSTILE.map(async ([name, text]) => {
      const chat = await bob.group(name, ann);
      const hostile = await bob.sends(chat, text);
      // The worker parses the shortest first: once this is drawn, it has done with the other.
      const after = await bob.sends(chat, `**after**${" it".repeat(3330)}.`);
      return { name, chat, hostile, after };
    }),
  );
  await ann.open();
  const work = await watchWork(ann);
  const slow: string[] = [];
  for (const { name, chat, hostile, after } of chats) {
    const before = await work();
    // The chat's place in the list may not be drawn.
    await ann.page.evaluate((path) => history.pushState(null, "", path), `/c/${chat}?at=${after}`);
    // The worker has a bound too: what comes after a hostile text is drawn.
    await expect(ann.page.locator(`[data-message="${after}"] strong`)).toBeVisible();
    await expect(ann.page.locator(`[data-message="${hostile}"]`)).toBeAttached();
    const took = (await work()) - before;
    if (process.env.FIGURES !== undefined) console.log(name, took.toFixed(2));
    if (!(took < MOST_WORK)) slow.push(`${name}: ${took.toFixed(2)} s`);
  }
  expect(slow).toEqual([]);
});
