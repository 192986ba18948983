// The backend of a product: whoever is logged in there gets a token for Carrier. Node.js 18.
//   CARRIER_URL=http://127.0.0.1:8080 CARRIER_KEY=ck_... PORT=9000 node server.mjs
// The key is one of `carrier admin key create --name backend --scope users`; browsers never see it.
import { createServer } from "node:http";

const { CARRIER_URL, CARRIER_KEY, PORT } = process.env;
const logins = new Map([["session=anns", { id: "42", name: "Ann" }]]); // the product's own logins

async function carrier(method, path, body) {
  const headers = { authorization: `Bearer ${CARRIER_KEY}`, "content-type": "application/json" };
  const options = { method, headers, body: JSON.stringify(body) };
  const response = await fetch(`${CARRIER_URL}/v1/admin/users/${path}`, options);
  if (!response.ok) throw new Error(`Carrier answers ${response.status}: ${await response.text()}`);
  return response.json();
}

async function tokenFor(user) {
  const id = encodeURIComponent(user.id);
  await carrier("PUT", id, { display_name: user.name }); // makes the user, or changes the name
  const { token } = await carrier("POST", `${id}/tokens`, { expires_in: 3600 });
  return { token };
}

const server = createServer(async (request, response) => {
  if (request.method !== "POST" || request.url !== "/chat-token") {
    return response.writeHead(404).end();
  }
  const user = logins.get(request.headers.cookie);
  if (!user) return response.writeHead(401).end();
  try {
    const json = JSON.stringify(await tokenFor(user));
    response.writeHead(200, { "content-type": "application/json" }).end(json);
  } catch (error) {
    console.error(error.message);
    response.writeHead(502).end();
  }
});
server.listen(PORT, "127.0.0.1", () => console.log("listening at", server.address().port));
