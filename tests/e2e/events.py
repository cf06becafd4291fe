"""What Bitrix24 posts: event bodies as PHP's http_build_query() writes them."""

import itertools
import secrets
from urllib.parse import quote_plus


def pairs(tree, prefix=None):
    """The key and value of every leaf, keys with raw brackets; None leaves no key, as in PHP."""
    if tree is None:
        return
    if isinstance(tree, (dict, list)):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in items:
            yield from pairs(value, str(key) if prefix is None else f"{prefix}[{key}]")
    else:
        value = {True: "1", False: "0"}.get(tree, tree) if isinstance(tree, bool) else tree
        yield prefix, value if isinstance(value, bytes) else str(value)


def form(tree, quote=quote_plus):
    return "&".join(f"{quote(k)}={quote(v)}" for k, v in pairs(tree)).encode()


class Portal:
    """One Bitrix24 with the application installed, and what it would post."""

    numbers = itertools.count(1000)

    def __init__(self, member_id=None, application_token=None):
        self.member_id = member_id or secrets.token_hex(16)
        self.application_token = application_token or secrets.token_hex(16)
        self.issued = {}
        self.clock = itertools.count(1773760000)

    def auth(self, tokens=False, **changes):
        auth = {
            "domain": "some-domain.bitrix24.com",
            "server_endpoint": "https://oauth.bitrix.info/rest/",
            "client_endpoint": "https://some-domain.bitrix24.com/rest/",
            "member_id": self.member_id,
            "application_token": self.application_token,
        }
        if tokens:
            auth.update(access_token=self.issued.get("access_token", secrets.token_hex(16)),
                        refresh_token=self.issued.get("refresh_token", secrets.token_hex(16)),
                        expires="1773764178", expires_in="3600", user_id="27", status="F",
                        scope="imconnector,imopenlines")
        auth.update(changes)
        return {k: v for k, v in auth.items() if v is not None}

    def tree(self, event, data, ts=None, tokens=False, **auth):
        return {"event": event, "event_handler_id": 555, "data": data,
                "ts": next(self.clock) if ts is None else ts, "auth": self.auth(tokens, **auth)}

    def install(self, event="ONAPPINSTALL", ts=None, **auth):
        data = {"VERSION": 1, "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "en"}
        return form(self.tree(event, data, ts, tokens=True, **auth))

    def uninstall(self, clean, **auth):
        return form(self.tree("ONAPPUNINSTALL", {"CLEAN": int(clean), "LANGUAGE_ID": "en"}, **auth))

    def message(self, kind, number, ids=None, text=None, chat="channel-1", im_chat=1807,
                connector="myconnector", line=107, ts=None, elements=None, **auth):
        """The tree of a message event. `ids`: a string, a list, or nothing."""
        element = {"im": {"chat_id": im_chat, "message_id": number},
                   "message": {"id": ids, "text": text}, "chat": {"id": chat}}
        data = {"CONNECTOR": connector, "LINE": line,
                "MESSAGES": [element] if elements is None else elements}
        return self.tree(f"ONIMCONNECTORMESSAGE{kind}", data, ts, **auth)

    def add(self, number, text="Guten Tag!", **more):
        return form(self.message("ADD", number, text=text, **more))

    def update(self, number, ids, text="Guten Abend!", **more):
        return form(self.message("UPDATE", number, ids, text, **more))

    def delete(self, number, ids=None, **more):
        return form(self.message("DELETE", number, ids, **more))

    def new_number(self):
        return next(Portal.numbers)
