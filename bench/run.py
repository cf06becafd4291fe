"""Measures imrelay; each part prints tables of its own."""

import argparse
import signal
import sys

import backup
import decoder
import delivery
import disk
import main_table
import mapping
import timing

PARTS = {"main": main_table, "mapping": mapping, "disk": disk, "decoder": decoder,
         "delivery": delivery, "backup": backup, "timing": timing}


def main():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part instead of all six")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of a round")
    parser.add_argument("--without-php", action="store_true", help="in the main table")
    parser.add_argument("--messages", default="1000000,3000000,10000000",
                        help="sizes of the mapping")
    parser.add_argument("--keep", metavar="DIR", help="keeps filled mappings, or takes them there")
    options = parser.parse_args()
    # Ends what was started, too, when it is told to stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for name, part in PARTS.items():
        if options.only in (None, name):
            part.run(options)


if __name__ == "__main__":
    main()
