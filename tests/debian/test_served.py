"""Events come in by TLS and stay, whatever is restarted."""

import threading
import time

import guide
from installed import SiteTest, wait_for
from load import Load


class Served(SiteTest):
    def check_load(self, load, least):
        self.assertEqual(load.refused, [])
        self.assertEqual(load.lost(), set())
        self.assertEqual(load.twice(), [])
        self.assertGreater(len(load.acknowledged), least)

    def logged(self):
        """How many lines of this portal's accepted events the journal has."""
        self.ask("journalctl --sync")
        return int(self.ask("journalctl -u imrelay.service -u imrelay-spooler.service -o cat |"
                            " grep -E 'status=(accepted|spooled)' |"
                            f" grep -c -F member_id={self.portal.member_id} || true"))

    def test_an_installation_is_proven_by_names_and_tls(self):
        self.assertIn("oauth.bare.test", self.site.resolver.asked)
        self.assertRegex(self.ask("runuser -u imrelay -- imrelay portal list"),
                         rf"{self.portal.member_id}.*active")

    def test_doctor_finds_the_machine_well(self):
        said = self.ask(guide.block(guide.INSTALL, "imrelay doctor").rstrip() + " || true")
        well = [line.split(None, 1)[1] for line in said.splitlines() if line.startswith("ok ")]
        for check in ("configuration", "file", "key", "schema", "integrity", "writing", "socket",
                      "spooler", "worker", "public URL", "clock"):
            self.assertTrue(any(line.startswith(check) for line in well), (check, said))

    def test_an_authentic_event_is_in_the_database_and_a_forged_one_is_not(self):
        self.assertEqual(self.site.post(self.portal.delete(900_001, "one")).status, 200)
        forged = self.portal.delete(900_002, "two", application_token="f" * 32)
        self.assertEqual(self.site.post(forged).status, 403)
        found = self.site.sql("SELECT external_message_id FROM messages WHERE message_id > 900000"
                              f" AND member_id = '{self.portal.member_id}'")
        self.assertEqual(found, [{"external_message_id": "one"}])

    def test_twenty_restarts_under_load_lose_and_refuse_nothing(self):
        before, took = self.logged(), []
        with Load(self.site, self.portal, clients=6, prefix="restart") as load:
            for _ in range(20):
                time.sleep(0.3)
                old = self.site.worker()
                began = time.monotonic()
                self.ask("systemctl restart imrelay.service")
                took.append(time.monotonic() - began)
                self.assertNotIn(self.site.worker(), (0, old))
        print(f"[20 restarts, {len(load.acknowledged)} acknowledged, {len(load.refused)} not,"
              f" {sorted(took)[10]:.2f} s each] ", end="")
        self.check_load(load, 100)
        self.assertEqual(self.logged() - before, len(load.acknowledged))

    def test_a_killed_worker_comes_back(self):
        away = []
        with Load(self.site, self.portal, prefix="killed") as load:
            for _ in range(5):
                time.sleep(0.5)
                old = self.site.worker()
                began = time.monotonic()
                self.ask(f"kill -9 {old}")
                wait_for(lambda: self.site.worker() not in (0, old), what="a new worker")
                wait_for(self.site.is_ready, what="readiness")
                away.append(time.monotonic() - began)
        print(f"[5 kills, {len(load.acknowledged)} acknowledged, {len(load.refused)} not, back"
              f" after {sorted(away)[2]:.2f} s, at most {max(away):.2f} s] ", end="")
        self.assertEqual((load.lost(), load.twice()), (set(), []))
        self.assertLess(sorted(away)[2], 1.5)

    def test_while_the_worker_cannot_start_events_wait_in_the_spool(self):
        wrong = "/etc/systemd/system/imrelay.service.d/wrong.conf"
        with Load(self.site, self.portal, clients=4, prefix="wrong") as load:
            time.sleep(0.5)
            self.ask(f"printf '[Service]\\nEnvironment=IMRELAY_WORKER_THREADS=x\\n' >{wrong}")
            self.ask("systemctl daemon-reload; systemctl restart imrelay.service")
            time.sleep(10)
            self.assertGreater(load.words["spooled"], 0)
            waiting = len(load.acknowledged)
            self.ask(f"rm {wrong}; systemctl daemon-reload")
            wait_for(lambda: len(load.acknowledged) > waiting + 20, what="answers")
        self.assertEqual(self.ask("systemctl is-active imrelay.socket"), "active")
        self.check_load(load, 20)

    def test_an_upgrade_as_the_readme_says_under_load(self):
        self.ask("touch src/app/main.cc")
        installed = "stat -c %i /usr/local/bin/imrelay"
        before = self.ask(installed), self.site.worker()
        with Load(self.site, self.portal, clients=3, prefix="upgrade") as load:
            self.ask(guide.block(guide.OPERATE, "systemctl restart"))
            time.sleep(0.5)
        self.check_load(load, 20)
        self.assertNotEqual(self.ask(installed), before[0])
        self.assertNotIn(self.site.worker(), (0, before[1]))

    def test_a_back_up_is_whole_and_leaves_the_worker_its_files(self):
        with Load(self.site, self.portal, clients=2, prefix="backup") as load:
            time.sleep(0.3)
            self.ask(guide.block(guide.OPERATE, "imrelay backup"))
        self.check_load(load, 5)
        copy = self.ask("ls /var/backups/imrelay/*.db").split()[-1]
        self.assertEqual(self.ask(f"stat -c %a {copy}; sqlite3 {copy} 'PRAGMA integrity_check'"),
                         "600\nok")
        self.assertEqual(self.ask("find /var/lib/imrelay ! -user imrelay"), "")
        listed = self.ask(f"IMRELAY_DATABASE_URL=sqlite:{copy} imrelay portal list"
                          " --config /etc/imrelay/imrelay.toml")
        self.assertIn(self.portal.member_id, listed)

    def test_600_callers_wait_for_a_restart(self):
        answers = []
        bodies = [self.portal.delete(800_000 + n, f"wait-{n}") for n in range(600)]
        threads = [threading.Thread(target=lambda b=b: answers.append(self.site.post(b).status))
                   for b in bodies]
        old = self.site.worker()
        self.ask(f"kill -STOP {old}")
        for thread in threads:
            thread.start()
        time.sleep(3)
        self.ask(f"kill -CONT {old}; systemctl restart imrelay.service")
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [200] * 600)

    def test_while_the_worker_is_stopped_its_events_wait_in_the_spool(self):
        units = "imrelay.socket imrelay.service"  # the socket too: it would start the service
        self.addCleanup(self.ask, f"systemctl start {units}")
        with Load(self.site, self.portal, prefix="stopped") as load:
            self.ask(f"systemctl stop {units}")
            time.sleep(2)
            self.ask(f"systemctl start {units}")
        self.assertGreater(load.words["spooled"], 0)
        self.check_load(load, 20)
