"""The README's way without systemd: spawn-fcgi, multiwatch and logrotate."""

import time

import guide
from installed import SETTINGS, SiteTest, wait_for
from load import Load

UNITS = "imrelay.socket imrelay.service imrelay-spooler.socket imrelay-spooler.service"
LOG = "/var/log/imrelay.log"
CHILDREN = "pid=$(cat /run/imrelay/multiwatch.pid); cat /proc/$pid/task/$pid/children"


class Multiwatch(SiteTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ask = cls.site.root.ask
        ask(f"systemctl disable --now {UNITS}")
        cls.addClassCleanup(ask, f"systemctl enable --now {UNITS}")
        block = guide.block(guide.INSTALL, "spawn-fcgi -P")
        ask(f"export DEBIAN_FRONTEND=noninteractive {SETTINGS}\n{block}")
        cls.addClassCleanup(cls.stop)
        wait_for(cls.site.is_ready, what="readiness")

    @classmethod
    def stop(cls):
        cls.site.root.ask("for name in multiwatch spooler; do\n"
                          "  pid=$(cat /run/imrelay/$name.pid); kill -TERM $pid\n"
                          "  while [ -e /proc/$pid ]; do sleep 0.1; done\n"
                          "done\n"
                          "rm /run/imrelay/imrelay.sock /run/imrelay/spooler.sock")

    def worker(self):
        return self.ask(CHILDREN)

    def test_modes_and_owners(self):
        self.assertEqual(self.ask(f"stat -c '%a %U:%G' {LOG} /run/imrelay/imrelay.sock"),
                         "640 imrelay:adm\n660 imrelay:www-data")
        self.assertRegex(self.ask(f"cat /proc/{self.worker()}/status"), r"CapEff:\s+0+\n")

    def test_rotating_the_log_under_load_loses_no_line_and_no_event(self):
        with Load(self.site, self.portal, clients=4, prefix="rotated") as load:
            for _ in range(5):
                time.sleep(1)
                old = self.worker()
                self.ask("logrotate --force /etc/logrotate.d/imrelay")
                wait_for(lambda: self.worker() not in ("", old), what="the next worker")
        self.assertEqual((load.refused, load.lost(), load.twice()), ([], set(), []))
        lines = int(self.ask(f"zcat -f {LOG}* | grep -E 'status=(accepted|spooled)' |"
                             f" grep -c -F 'member_id={self.portal.member_id}'"))
        print(f"[5 rotations, {len(load.acknowledged)} acknowledged, {len(load.refused)} not,"
              f" {lines} lines] ", end="")
        self.assertEqual(lines, len(load.acknowledged))
        self.assertEqual(self.ask(f"stat -c '%a %U:%G' {LOG} {LOG}.1 {LOG}.2.gz").split("\n"),
                         ["640 imrelay:adm"] * 3)
        ended = self.ask(f"zcat {LOG}.2.gz")
        self.assertIn("worker ended", ended)
        self.assertIn("spooler ended", ended)

    def test_a_killed_worker_comes_back(self):
        old = self.worker()
        self.ask(f"kill -9 {old}")
        wait_for(lambda: self.worker() not in ("", old), what="a new worker")
        wait_for(self.site.is_ready, what="readiness")
