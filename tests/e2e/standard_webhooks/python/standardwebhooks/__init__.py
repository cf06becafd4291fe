"""Stands for the library standardwebhooks, of which the example uses this and no more."""

import base64
import hashlib
import hmac
import json
import time


class WebhookVerificationError(Exception):
    pass


class Webhook:
    def __init__(self, secret):
        self.key = base64.b64decode(secret.removeprefix("whsec_"))

    def verify(self, data, headers):
        values = {name.lower(): value for name, value in headers.items()}
        try:
            stamp = values["webhook-timestamp"]
            given = values["webhook-signature"].split(" ")
            signed = f"{values['webhook-id']}.{stamp}.".encode() + data
        except KeyError:
            raise WebhookVerificationError("a header is missing") from None
        if abs(time.time() - int(stamp)) > 300:
            raise WebhookVerificationError("too old or too new")
        right = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        if not any(hmac.compare_digest(one, "v1," + right) for one in given):
            raise WebhookVerificationError("no signature is right")
        return json.loads(data)
