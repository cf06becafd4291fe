"""What is there after the README's steps, and with which rights."""

import re

from guide import CLIENT_ID, CLIENT_SECRET
from installed import SiteTest

MODES = """
/etc/imrelay 750 root:imrelay
/etc/imrelay/client_secret 640 root:imrelay
/etc/imrelay/imrelay.toml 640 root:imrelay
/run/imrelay 755 root:root
/run/imrelay/imrelay.sock 660 imrelay:www-data
/run/imrelay/spooler.sock 660 imrelay:www-data
/usr/local/bin/imrelay 755 root:root
/var/lib/imrelay 700 imrelay:imrelay
/var/lib/imrelay/imrelay.db 600 imrelay:imrelay
/var/lib/imrelay/imrelay.key 600 imrelay:imrelay
/var/lib/imrelay/spool 700 imrelay:imrelay
""".strip()
UNITS = "imrelay.socket imrelay.service imrelay-spooler.socket imrelay-spooler.service"
MOST_EXPOSED = 1.5  # of 10, as systemd-analyze security counts


class Installed(SiteTest):
    def test_modes_and_owners(self):
        paths = " ".join(line.split()[0] for line in MODES.splitlines())
        self.assertEqual(self.ask(f"stat -c '%n %a %U:%G' {paths}"), MODES)

    def test_all_units_run_and_start_at_boot(self):
        self.assertEqual(self.ask(f"systemctl is-active {UNITS}").split(), ["active"] * 4)
        self.assertEqual(self.ask(f"systemctl is-enabled {UNITS} nginx").split(), ["enabled"] * 5)
        self.assertEqual(self.ask("systemctl --failed --plain --no-legend"), "")
        self.assertEqual(self.ask(f"systemd-analyze verify {UNITS} 2>&1"), "")

    def test_the_services_are_confined(self):
        for unit in ("imrelay.service", "imrelay-spooler.service"):
            said = self.ask(f"systemd-analyze security --no-pager {unit} | tail -n 1")
            exposure = float(re.search(rf"{unit}: ([0-9.]+)", said).group(1))
            print(f"[{unit} {exposure}] ", end="")
            self.assertLessEqual(exposure, MOST_EXPOSED)

    def test_the_spooler_cannot_read_the_key(self):
        pid = self.ask("systemctl show --value --property MainPID imrelay-spooler.service")
        key = f"/proc/{pid}/root/var/lib/imrelay/imrelay.key"
        self.assertEqual(self.ask(f"stat -c %s {key}"), "0")

    def test_the_worker_has_what_it_needs_and_no_more(self):
        status = self.ask(f"cat /proc/{self.site.worker()}/status")
        self.assertRegex(status, r"CapEff:\s+0+\n")
        self.assertRegex(status, r"NoNewPrivs:\s+1\n")
        self.assertRegex(status, r"Seccomp:\s+2\n")
        limits = self.ask(f"cat /proc/{self.site.worker()}/limits")
        self.assertRegex(limits, r"Max core file size\s+0\s+0")
        self.assertRegex(limits, r"Max open files\s+16384")

    def test_nginx_can_let_4096_connections_wait(self):
        self.assertEqual(self.ask("nginx -t 2>&1 | grep -c warn || true"), "0")
        limits = self.ask("main=$(systemctl show --value --property MainPID nginx);"
                          " set $(cat /proc/$main/task/$main/children); cat /proc/$1/limits")
        self.assertRegex(limits, r"Max open files\s+16384")

    def test_the_configuration_is_read(self):
        log = self.ask("journalctl -u imrelay.service -o cat | grep 'worker started'")
        self.assertIn("applications=default", log.splitlines()[-1])
        secret = self.site.root.path / "etc/imrelay/client_secret"
        self.assertEqual(secret.read_text().strip(), CLIENT_SECRET)
        self.assertIn(CLIENT_ID, secret.with_name("imrelay.toml").read_text())

    def test_a_stranger_is_told_that_the_configuration_is_not_his_to_read(self):
        said = self.ask("runuser -u nobody -- imrelay portal list 2>&1 || echo $?")
        self.assertIn("/etc/imrelay/imrelay.toml", said)
        self.assertEqual(said.splitlines()[-1], "78")

    def test_no_secret_is_in_the_journal_or_the_database(self):
        secrets = [CLIENT_SECRET, self.portal.issued["access_token"],
                   self.portal.issued["refresh_token"], self.portal.application_token]
        patterns = " ".join(f"-e {secret}" for secret in secrets)
        for where in ("journalctl -u imrelay.service -o cat", "cat /var/lib/imrelay/*"):
            self.assertEqual(self.ask(f"{where} | grep -a -c -F {patterns} || true"), "0")
