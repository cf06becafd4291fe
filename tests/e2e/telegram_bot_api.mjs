// telegram-test-api, an emulator of Telegram's Bot API, as a process: node telegram_bot_api.mjs PORT
// SECRET. It knows sendMessage, editMessageText, deleteMessage and setWebhook; what it does not know
// it answers with 500: photos and documents, captions, and Telegram's words for errors are tested
// with recorded answers instead (tests/channel). It sends no secret_token, so SECRET is given to the
// client that it posts updates with.
import { createRequire } from "node:module";

const require = createRequire(new URL("../npm/package.json", import.meta.url));
const TelegramServer = require("telegram-test-api");
const axios = require("axios");

const [port, secret] = process.argv.slice(2);
axios.defaults.headers.common["X-Telegram-Bot-Api-Secret-Token"] = secret;
const server = new TelegramServer({ host: "127.0.0.1", port: Number(port), storeTimeout: 3600 });
await server.start();
console.log(`listening on ${server.config.apiURL}`);
