/** The worker that parses Markdown, one text after the other. */

import { parse } from "./parse";

postMessage("ready");
addEventListener("message", ({ data }: MessageEvent<string>) => {
  let nodes: ReturnType<typeof parse>;
  try {
    nodes = parse(data);
  } finally {
    postMessage({ text: data, nodes });
  }
});
