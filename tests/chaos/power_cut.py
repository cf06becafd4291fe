"""What a power cut leaves of a directory: what power_cut.cc has kept of it. See there."""

import os
import pathlib
import shutil
import struct

from stand_ins import BUILD

LIBRARY = BUILD / "power_cut.so"
BLOCK = 4096  # is written whole or not at all


class PowerCut:
    """Follows one directory; `kept` is made beside it, because links lead from one to the other."""

    def __init__(self, directory, kept):
        self.directory = pathlib.Path(directory)
        self.kept = pathlib.Path(kept)

    def environment(self):
        return {"LD_PRELOAD": LIBRARY, "POWER_CUT_DIRECTORY": self.directory.resolve(),
                "POWER_CUT_KEPT": self.kept.resolve()}

    def begin(self):
        """From here on: all that is there is on disk. Nobody may have the directory open."""
        shutil.rmtree(self.kept, ignore_errors=True)
        for kind in ("synced", "dirty", "names", "file"):
            (self.kept / kind).mkdir(parents=True)
        self.keep(self.directory)

    def keep(self, directory):
        names = []
        for entry in os.scandir(directory):
            number = entry.inode()
            if entry.is_dir(follow_symlinks=False):
                names.append(f"d {number} {entry.name}\n")
                self.keep(entry.path)
            elif entry.is_file(follow_symlinks=False) and not entry.name.endswith("-shm"):
                names.append(f"f {number} {entry.name}\n")
                os.link(entry.path, self.kept / "file" / str(number))
                shutil.copyfile(entry.path, self.kept / "synced" / str(number))
        (self.kept / "names" / str(os.stat(directory).st_ino)).write_text("".join(names))

    def restore(self, random=None):
        """The directory as it is after the cut. Everybody who had it open is dead. With `random`,
        some of what was not synced has reached the disk all the same, as a real one may have it."""
        former = self.directory.with_name(self.directory.name + ".before-the-cut")
        shutil.rmtree(former, ignore_errors=True)
        self.directory.rename(former)
        self.put_back(former, self.directory, os.stat(former).st_ino, random)
        shutil.rmtree(former)
        self.begin()

    def put_back(self, former, directory, number, random):
        """`former`: where it was, for the modes of files."""
        directory.mkdir(mode=0o700)
        for kind, inode, name in self.names(number, former, random):
            if kind == "d":
                self.put_back(former / name, directory / name, inode, random)
            else:
                self.put_file_back(directory / name, inode, random)

    def names(self, number, former, random):
        if random and former.is_dir() and random.random() < 0.5:
            return [("d" if entry.is_dir() else "f", entry.inode(), entry.name)
                    for entry in os.scandir(former)
                    if entry.is_dir(follow_symlinks=False)
                    or entry.is_file(follow_symlinks=False) and not entry.name.endswith("-shm")]
        kept = self.kept / "names" / str(number)
        if not kept.exists():
            return []
        lines = [line.split(" ", 2) for line in kept.read_text().splitlines()]
        return [(kind, int(inode), name) for kind, inode, name in lines]

    def put_file_back(self, path, number, random):
        synced = self.kept / "synced" / str(number)
        content = bytearray(synced.read_bytes() if synced.exists() else b"")
        real = self.kept / "file" / str(number)
        if random:
            self.add_unsynced(content, number, real.read_bytes() if real.exists() else b"", random)
        path.write_bytes(content)
        path.chmod(real.stat().st_mode & 0o777 if real.exists() else 0o600)

    def add_unsynced(self, content, number, real, random):
        dirty = self.kept / "dirty" / str(number)
        pairs = struct.iter_unpack("QQ", dirty.read_bytes()) if dirty.exists() else ()
        blocks = {at for begin, end in pairs
                  for at in range(begin - begin % BLOCK, min(end, len(real)), BLOCK)}
        share = random.random()
        for at in sorted(blocks):
            if random.random() < share:
                block = real[at:at + BLOCK]
                content.extend(bytes(max(0, at - len(content))))
                content[at:at + len(block)] = block
