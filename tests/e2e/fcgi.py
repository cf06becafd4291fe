"""A FastCGI peer that can misbehave: what a client at the worker's own socket may send."""

import socket
import struct

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def record(kind, content, request=1):
    return struct.pack(">BBHHBB", 1, kind, request, len(content), 0, 0) + content


def parameters(values):
    content = b""
    for name, value in values.items():
        for text in (name, value):
            length = len(text)
            content += bytes([length]) if length < 128 else struct.pack(">I", length | 1 << 31)
        content += name.encode() + value.encode()
    return content


def head(path="/bitrix24/event", method="POST", length=None):
    values = {"REQUEST_METHOD": method, "REQUEST_URI": path,
              "CONTENT_TYPE": "application/x-www-form-urlencoded",
              "QUERY_STRING": "", "REMOTE_ADDR": "127.0.0.1"}
    if length is not None:
        values["CONTENT_LENGTH"] = str(length)
    return (record(BEGIN, struct.pack(">HB5x", 1, 0)) + record(PARAMS, parameters(values))
            + record(PARAMS, b""))


def body(content, end=True):
    records = b"".join(record(STDIN, content[i:i + 65528]) for i in range(0, len(content), 65528))
    return records + (record(STDIN, b"") if end else b"")


def connect(address, timeout=30):
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    connection = socket.socket(family)
    connection.settimeout(timeout)
    connection.connect(address if isinstance(address, tuple) else str(address))
    return connection


def read_answer(connection):
    """The status and the body that came before the end; (None, b"") when nothing came."""
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    output = b""
    while len(data) >= 8:
        _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", data[:8])
        if kind == STDOUT:
            output += data[8:8 + length]
        data = data[8 + length + padding:]
    headers, _, text = output.replace(b"\r\n", b"\n").partition(b"\n\n")
    for line in headers.split(b"\n"):
        if line.lower().startswith(b"status:"):
            return int(line.split()[1]), text
    return (200 if output else None), text


def exchange(address, data):
    with connect(address) as connection:
        connection.sendall(data)
        return read_answer(connection)
