// A channel's service. Run: npm install standardwebhooks
// IMRELAY_SECRET=whsec_… node channel.mjs 8090   (in imrelay.toml: url = "http://127.0.0.1:8090/")
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.IMRELAY_SECRET);
const file = process.env.CHANNEL_STATE ?? "channel.json";
const state = existsSync(file)
  ? JSON.parse(readFileSync(file, "utf8"))
  : { next: 1, messages: {}, seen: {} };

// Does what the call says, here in `state`; returns the status and the answer.
function act(type, { chat, message, im }) {
  const { messages } = state;
  if (type === "message.created") {
    // The text and each file become a message of their own.
    const parts = [message.text, ...(message.files ?? []).map((one) => one.url)].filter(Boolean);
    const ids = parts.map((text) => {
      const id = String(state.next++);
      messages[id] = { chat: chat.id, text, im: im.message_id };
      return id;
    });
    return [200, { message: { ids } }];
  }
  if (type === "message.updated") {
    if (!messages[message.id]) return [404, {}];
    messages[message.id].text = message.text;
  }
  if (type === "message.deleted") {
    // Without an id: whatever Bitrix24's number became.
    const ids = Object.keys(messages).filter((id) =>
      message.id ? id === message.id : messages[id].im === im.message_id);
    for (const id of ids) delete messages[id];
    if (ids.length === 0) return [404, {}];
  }
  return [200, {}];
}

createServer(async (request, response) => {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += piece;
  let status = 503; // a 4xx is final: a secret that is not set up yet must lose nothing
  let answer = {};
  try {
    const { type, data } = webhook.verify(body, request.headers);
    const id = request.headers["webhook-id"];
    [status, answer] = state.seen[id] ?? act(type, data);
    if (status < 400 && !state.seen[id]) { // what was refused may come again, to be carried out
      state.seen[id] = [status, answer];
      writeFileSync(`${file}.new`, JSON.stringify(state), { flush: true });
      renameSync(`${file}.new`, file); // what was done, and that it was, at once
    }
  } catch (error) {
    console.error(error.message);
  }
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
}).listen(Number(process.argv[2]), "127.0.0.1");
