"""A name server that answers every question for an address with 127.0.0.1."""

import socket
import threading

ADDRESS_RECORD = 1


class Resolver:
    def __init__(self):
        self.asked = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            query, sender = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(query), sender)

    def answer(self, query):
        # RFC 1035, 4.1: a header of 12 bytes, the name as counted labels, its type and class.
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        self.asked.add(".".join(labels))
        question = query[12:at + 5]
        found = int.from_bytes(query[at + 1:at + 3], "big") == ADDRESS_RECORD
        header = query[:2] + b"\x85\x80" + bytes((0, 1, 0, found, 0, 0, 0, 0))
        record = b"\xc0\x0c\x00\x01\x00\x01" + bytes((0, 0, 0, 9, 0, 4, 127, 0, 0, 1))
        return header + question + (record if found else b"")
