"""The decoder beside PHP's own parse_str and RapidJSON."""

import pathlib
import statistics
import subprocess
import tempfile

import tables
from rig import BUILD, TREE, events

PHP = ["php", "-n", "-d", "max_input_vars=100000", TREE / "bench" / "parse_str.php"]
OWN = BUILD / "imrelay-decoder"
CASES = {"ParseForm": [OWN, "form"], "ParseForm + DecodeEvent": [OWN, "event"],
         "PHP parse_str": PHP, "RapidJSON, same data": [OWN, "rapidjson"]}


def bodies():
    """{name: body}: the deletion that is posted, and two bigger events."""
    portal = events.Portal()
    deletion = (TREE / "bench" / "deletion.form").read_text().strip()
    for place, value in {"chat": "1807", "message": "86501", "external": "ext-msg-86501",
                         "ts": "1773760577", "member": portal.member_id,
                         "token": portal.application_token}.items():
        deletion = deletion.replace("{" + place + "}", value)
    file = {"name": "Rechnung 2026.pdf", "type": "file", "mime": "application/pdf",
            "link": "https://some-domain.bitrix24.com/~AbCdE", "size": 123456}
    element = {"im": {"chat_id": 1807, "message_id": 86501}, "chat": {"id": "channel-123"},
               "message": {"user_id": 27, "text": "Добрый день! Всё готово. " * 100,
                           "files": [file] * 3}}
    many = [{"im": {"chat_id": 1807, "message_id": 86501 + i},
             "message": {"id": [f"ext-msg-{i}"]}, "chat": {"id": "channel-123"}}
            for i in range(100)]
    return {"a deletion": deletion.encode(),
            "a long message in Russian": events.form(portal.message("ADD", 0, elements=[element])),
            "100 deletions in one event": events.form(portal.message("DELETE", 0, elements=many))}


def nanoseconds(command, file, seconds):
    return float(subprocess.run([*map(str, command), str(file), str(seconds)], check=True,
                                text=True, capture_output=True).stdout)


def run(options):
    print(f"The decoder; medians of {options.rounds} alternating rounds of half a second\n")
    with tempfile.TemporaryDirectory(prefix="imrelay-bench.") as home:
        for name, body in bodies().items():
            file = pathlib.Path(home) / "body"
            file.write_bytes(body)
            taken = {case: [] for case in CASES}
            for _ in range(options.rounds):
                for case, command in CASES.items():
                    taken[case].append(nanoseconds(command, file, 0.5))
            median = {case: statistics.median(values) for case, values in taken.items()}
            tables.table(
                [f"{name}, {len(body):,} bytes", "ns/event", "MB/s", "of ParseForm's time"],
                [[case, f"{value:,.0f}", f"{len(body) * 1e3 / value:,.0f}",
                  f"{value / median['ParseForm']:.2f}"] for case, value in median.items()])
