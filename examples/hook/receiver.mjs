// A hook for Carrier: it judges each text before it is stored. Node.js 18, and nothing else.
//   CARRIER_HOOK_SECRET=$(openssl rand -base64 32) PORT=9000 node receiver.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.CARRIER_HOOK_SECRET.replace(/^whsec_/, "");
const key = Buffer.from(secret, "base64");

function judge({ event, chat, sender, message }) {
  console.log(event, chat.kind, sender.external_id ?? sender.username);
  if (/buy now/i.test(message.body)) return { action: "refuse", reason: "No advertising, please." };
  const body = message.body.replace(/\b\d{4}( ?\d{4}){3}\b/g, "[card number]");
  return body === message.body ? { action: "allow" } : { action: "change", body };
}

function isGenuine(headers, json) {
  const { "webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": all } = headers;
  if (!(Math.abs(Date.now() / 1000 - seconds) < 300)) return false; // an old one, sent again
  const good = createHmac("sha256", key).update(`${id}.${seconds}.${json}`).digest();
  const given = (all ?? "").split(" ").map((one) => Buffer.from(one.replace(/^v1,/, ""), "base64"));
  return given.some((one) => one.length === good.length && timingSafeEqual(one, good));
}

const server = createServer(async (request, response) => {
  const pieces = await request.toArray();
  const json = Buffer.concat(pieces).toString();
  if (!isGenuine(request.headers, json)) return response.writeHead(401).end();
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(judge(JSON.parse(json))));
});
const said = () => console.log("judging at", server.address().port);
server.listen(process.env.PORT, "127.0.0.1", said);
