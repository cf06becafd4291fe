"""Holds bodies to docs/channel-api.openapi.json, with tests/npm/openapi.mjs."""

import json
import pathlib
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
DESCRIPTION = TREE / "docs" / "channel-api.openapi.json"


def call(kind, body):
    """What we sent a channel's service."""
    return {"webhook": kind, "body": body}


def request(method, path, body):
    """What we were sent; `path` as the description has it: /channel/v1/deliveries/{id}."""
    return {"path": path, "method": method.lower(), "body": body}


def answer(method, path, status, body):
    return {**request(method, path, body), "status": status}


def faults(*items):
    """What is wrong with the description itself and with the items, one line each."""
    checker = subprocess.run(["node", TREE / "tests" / "npm" / "openapi.mjs", DESCRIPTION],
                             input="\n".join(map(json.dumps, items)), capture_output=True,
                             text=True, timeout=60)
    assert checker.returncode in (0, 1) and not checker.stderr, checker.stderr
    return checker.stdout.splitlines()


def check(*items):
    found = faults(*items)
    assert not found, "\n".join(found)
