"""A disk whose fsync takes 5 ms more: slow_disk.cc, preloaded into imrelay's worker."""

import time

import tables
from rig import BUILD, CONNECTIONS, Rig


def run(options):
    with Rig(options.seconds) as rig:
        slow = BUILD / "imrelay-slow-disk.so"
        handlers = {
            "the disk as it is": rig.worker("disk"),
            "+5 ms": rig.worker("slow", preload=slow)}
        for handler in handlers.values():
            rig.install(handler)
        rig.nginx()
        results = {name: [] for name in handlers}
        for _ in range(options.rounds):
            for name, handler in handlers.items():
                results[name].append(rig.load(handler))
        print(f"A disk whose fsync takes 5 ms more, {CONNECTIONS} connections; medians of "
              f"{options.rounds} alternating rounds of {options.seconds} s\n")
        tables.table(tables.HEAD, [tables.row(name, rounds) for name, rounds in results.items()])
        time.sleep(1)
        for handler in handlers.values():
            tables.check_kept(handler, tables.kept(handler))
        print("(php-fpm is left out: nothing can be preloaded in front of PHP's SQLite)\n")
