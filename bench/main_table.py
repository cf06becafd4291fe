"""imrelay beside a no-op worker and a php-fpm handler."""

import time

import tables
from rig import CONNECTIONS, Rig


def show(results):
    tables.table(tables.HEAD, [tables.row(name, rounds) for name, rounds in results.items()])
    own = results["imrelay"]
    for name, rounds in results.items():
        if name != "imrelay":
            print(f"imrelay/{name}: {tables.ratio(own, rounds):.2f} of the events/s, "
                  f"{tables.ratio(own, rounds, 'p99'):.3g} of the p99, "
                  f"{tables.ratio(own, rounds, 'cpu'):.2f} of the CPU an event")
    longest = max(one.longest for one in own)
    print(f"imrelay's longest request: {longest:.1f} ms, "
          f"{'above' if longest > 100 else 'none above'} 100 ms\n")


def show_rows(handler):
    rows = []
    for name in tables.TABLES:
        count, own, total = tables.row_bytes(handler, name)
        rows.append([name, f"{count:,}", f"{own:.0f}", f"{total - own:.0f}", f"{total:.0f}"])
    tables.table(["bytes a row", "rows", "table", "its indexes", "together"], rows)


def run(options):
    with Rig(options.seconds) as rig:
        own = rig.worker("imrelay")
        rig.install(own)
        handlers = [rig.noop("noop"), own]
        if not options.without_php:
            handlers.append(rig.php("php"))
        rig.nginx()
        results = {handler.name: [] for handler in handlers}
        for _ in range(options.rounds):
            for handler in handlers:
                results[handler.name].append(rig.load(handler))

        print(f"Deletions of {results['imrelay'][0].bytes} bytes, 500 chats, {CONNECTIONS} "
              f"connections; medians of {options.rounds} alternating rounds of "
              f"{options.seconds} s\n")
        show(results)
        time.sleep(1)  # what wrk gave up waiting for at its end is being stored
        tables.check_kept(own, tables.kept(own))
        if not options.without_php:
            counts = [rig.handlers["php"].query(f"SELECT count(*) FROM {name}")[0]
                      for name in ("event", "message", "delivery")]
            tables.check_kept(rig.handlers["php"], counts)
        print("(more than was answered: under way when wrk stopped)")
        print(f"resident memory after it: imrelay {own.memory():.1f} MiB, "
              f"no-op {rig.handlers['noop'].memory():.1f} MiB\n")
        show_rows(own)
