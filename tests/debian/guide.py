"""The README's blocks, and what a person adds to them."""

import re

from root import TREE

NAME = "relay.bare.test"
CLIENT_ID = "local.install.test"
CLIENT_SECRET = "install-test-secret-0123456789"

# Stands for a person at an editor, who knows the public address from the start, the application's id
# and secret later, and the channel's address last.
EDITOR = f"""#!/bin/sh
set -eu
case $1 in
  */imrelay.toml)
    if grep -q '^# public_url' "$1"; then
      sed -i -e 's|^# \\(public_url = \\).*|\\1"https://{NAME}"|' "$1"
    elif ! grep -q '^client_id' "$1"; then
      # The first of each; those of [[application]] stay an example.
      sed -i -e '0,/^# client_id = .*/s//client_id = "{CLIENT_ID}"/' \\
        -e '0,/^# client_secret_file = /s//client_secret_file = /' "$1"
    else
      # The first of each; those of [[line]] stay an example.
      sed -i -e '0,/^# url = "https.*/s//url = "https:\\/\\/channel.bare.test\\/imrelay"/' \\
        -e '0,/^# secret_file = /s//secret_file = /' -e '0,/^# key_file = "channel_key"/s//key_file = "channel_key"/' "$1"
    fi ;;
  */client_secret) echo '{CLIENT_SECRET}' >"$1" ;;
  *) exit 1 ;;
esac
"""

CERTIFICATE = f"""
mkdir -p /etc/letsencrypt/live/{NAME}
cd /etc/letsencrypt/live/{NAME}
[ -e fullchain.pem ] || openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN={NAME} \\
  -addext subjectAltName=DNS:{NAME},DNS:oauth.bare.test -keyout privkey.pem -out fullchain.pem \\
  2>/dev/null
chmod 0600 privkey.pem
"""


def blocks(heading):
    """The shell blocks of a section, as a person types them who put in their host's name."""
    text = (TREE / "README.md").read_text()
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
    return [block.replace("your.name.here", NAME)
            for block in re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)]


def block(heading, having):
    found = [b for b in blocks(heading) if having in b]
    assert len(found) == 1, f"{len(found)} blocks of {heading!r} have {having!r}"
    return found[0]


INSTALL = "Install it for real"
OPERATE = "Operate it"


def steps():
    """The way with systemd, in order."""
    return [b for b in blocks(INSTALL) if "spawn-fcgi" not in b and "imrelay doctor" not in b]


def package_lines():
    """The lines that fetch packages."""
    return [line for b in blocks(INSTALL) for line in b.splitlines()
            if line.startswith(("apt-get install ", "scripts/packages "))]
