"""The database's disk is full: a small file system in memory, mounted for this process alone."""

import ctypes
import os
import time

from ground import ChaosTest
from stack import LONG, Stack

FULL = 60 if LONG else 4  # seconds
SIZE = "64m" if LONG else "16m"
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def leave_the_mounts_of_others():
    """Whatever this process mounts from here on, nobody else sees. Needs no root rights where users
    may have namespaces, as on Debian. Returns what is missing."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)) != 0:
        return os.strerror(ctypes.get_errno())
    if user:
        for name, value in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"),
                            ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(value)
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return os.strerror(ctypes.get_errno())
    return None


class DiskIsFull(ChaosTest):
    @classmethod
    def setUpClass(cls):
        missing = leave_the_mounts_of_others()
        if missing:
            raise OSError(f"needs root rights, or namespaces of users: {missing}")

    def make_stack(self):
        stack = Stack(self.stand_in, channel=self.channel, database="disk/imrelay.db",
                      **self.settings())
        self.disk = stack.database.parent
        options = f"size={SIZE},mode=0700".encode()
        self.assertEqual(libc.mount(b"none", str(self.disk).encode(), b"tmpfs", 0, options), 0)
        self.addCleanup(lambda: libc.umount2(str(self.disk).encode(), 2))
        stack.environment["IMRELAY_SPOOL_DIRECTORY"] = str(stack.state / "spool")
        return stack

    def fill(self):
        with open(self.disk / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def test_a_full_disk(self):
        """While the database's disk is full, and after: nothing acknowledged is lost."""
        with self.traffic(pause=0.05) as traffic:
            time.sleep(0.5)
            self.fill()
            time.sleep(FULL)
            (self.disk / "filler").unlink()
            before = traffic.acknowledged
            traffic.go_on_until(lambda: traffic.acknowledged > before + 5, 60, "answers")
        self.judge(traffic, seconds=FULL)
