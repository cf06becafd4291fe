// Verifies signatures with the library standardwebhooks. Each line of standard input is a JSON
// object {"secret": "whsec_…", "headers": {…}, "body": "…"}; prints a line for each: ok, or why
// not.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log("ok");
  } catch (error) {
    console.log(error.message);
  }
}
