// A receiver of Carrier's webhooks, which takes each event once. Node.js 18, and nothing else.
//   CARRIER_WEBHOOK_SECRET=whsec_... PORT=9000 node receiver.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secrets = process.env.CARRIER_WEBHOOK_SECRET.split(" "); // two while one is replaced
const keys = secrets.map((one) => Buffer.from(one.replace(/^whsec_/, ""), "base64"));
const taken = new Set(); // a real one keeps the ids where it keeps what it makes of the events

function take({ type, timestamp, data }) {
  const { sender_id, body } = data.message;
  console.log(timestamp, type, data.chat_id, sender_id, body);
}

function isGenuine(headers, json) {
  const { "webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": all } = headers;
  if (!(Math.abs(Date.now() / 1000 - seconds) < 300)) return false; // an old one, sent again
  const given = (all ?? "").split(" ").map((one) => Buffer.from(one.replace(/^v1,/, ""), "base64"));
  return keys.some((key) => {
    const good = createHmac("sha256", key).update(`${id}.${seconds}.${json}`).digest();
    return given.some((one) => one.length === good.length && timingSafeEqual(one, good));
  });
}

const server = createServer(async (request, response) => {
  const json = Buffer.concat(await request.toArray()).toString();
  if (!isGenuine(request.headers, json)) return response.writeHead(401).end();
  const id = request.headers["webhook-id"]; // the same when it is sent again
  if (!taken.has(id)) take(JSON.parse(json));
  taken.add(id);
  response.writeHead(204).end(); // only now: what was not taken is sent again
});
const said = () => console.log("listening at", server.address().port);
server.listen(process.env.PORT, "127.0.0.1", said);
