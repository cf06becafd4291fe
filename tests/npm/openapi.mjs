// Holds bodies to docs/channel-api.openapi.json. Usage: openapi.mjs FILE < lines
//
// Checks that FILE itself is valid OpenAPI. Then each line of standard input is a JSON object that
// says what to hold to what:
//   {"webhook": "message.created", "body": …}                              what we send
//   {"path": "/channel/v1/messages", "method": "post", "body": …}          what we are sent
//   {"path": …, "method": …, "status": 202, "body": …}                     what we answer
// Fields that the description does not name are errors too, so that nothing goes out undescribed.
// Prints one line a fault; exit status 1 when there are any.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";

const document = JSON.parse(readFileSync(process.argv[2], "utf8"));
const faults = [];

const whole = await new Validator().validate(structuredClone(document));
if (!whole.valid) faults.push(`the document: ${JSON.stringify(whole.errors)}`);

// Objects take what they name and nothing else, unless they say otherwise.
function close(node) {
  if (node === null || typeof node !== "object") return;
  if (node.type === "object" && node.properties) node.additionalProperties ??= false;
  Object.values(node).forEach(close);
}
close(document);

const ajv = new Ajv.default({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(document, "api");

const escape = (key) => key.replaceAll("~", "~0").replaceAll("/", "~1");

// The place in the document that `keys` lead to, through the references on the way.
function pointer(keys) {
  let path = [];
  for (const key of keys) {
    path.push(key);
    const node = path.reduce((parent, step) => parent?.[step], document);
    if (node === undefined) return undefined;
    if (node.$ref) path = node.$ref.slice(2).split("/");
  }
  return "api#/" + path.map(escape).join("/");
}

function placeOf(item) {
  const end = ["content", "application/json", "schema"];
  if (item.webhook) return ["webhooks", item.webhook, "post", "requestBody", ...end];
  const call = ["paths", item.path, item.method];
  if (item.status) {
    const known = document.paths[item.path]?.[item.method]?.responses?.[item.status];
    return [...call, "responses", known ? String(item.status) : "default", ...end];
  }
  return [...call, "requestBody", ...end];
}

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const item = JSON.parse(line);
  const name = [item.webhook, item.method, item.path, item.status].filter(Boolean).join(" ");
  const place = pointer(placeOf(item));
  if (!place) {
    faults.push(`${name}: is not described`);
  } else {
    const validate = ajv.getSchema(place) ?? ajv.compile({ $ref: place });
    if (!validate(item.body)) faults.push(`${name}: ${ajv.errorsText(validate.errors)}`);
  }
}

for (const fault of faults) console.log(fault);
process.exit(faults.length ? 1 : 0);
