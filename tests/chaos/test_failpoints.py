"""Every step that is marked in the sources: whoever passes there is killed."""

import re
import signal
import subprocess
import time

from delivering import connect
from events import Portal
from ground import ChaosTest
from judge import DELETE
from stack import LONG, TREE, wait_for

FIRED_WITHIN = 30


def marked_steps():
    """The names of all failpoints."""
    return sorted({name for path in (TREE / "src").rglob("*.cc")
                   for name in re.findall(r'\bFailpoint\("([a-z0-9_.]+)"\)', path.read_text())})


class Failpoints(ChaosTest):
    # What makes a step happen, by its name, where the load alone does not.
    DRIVERS = {
        r"store\.before_migrated": "migrate",
        r"(app|crypto)\.": "rotate_key",
        r"install\.(refreshed|refresh_kept)": "expire_tokens",
        r"install\.": "install",
        r"recovery\.waiting": "install",
    }


    def make_stack(self):
        stack = super().make_stack()
        self.armed = stack.home / "failpoint"
        self.installed = 0
        stack.environment.update(
            IMRELAY_FAILPOINT=str(self.armed),
            IMRELAY_BITRIX24_PUBLIC_URL=f"http://127.0.0.1:{stack.port}")
        return stack

    def connect_portal(self, index):
        # Bound at the address that upkeep binds too, so that no event is posted twice.
        return connect(self.stack)

    def test_kill_9_at_every_marked_step(self):
        """Wherever a worker or command is killed: nothing acknowledged is lost, doubled, misplaced."""
        names = marked_steps()
        self.assertGreater(len(names), 10)
        never = []
        with self.traffic(pause=0.05) as traffic:
            for name in names * (5 if LONG else 1):
                began = time.monotonic()
                if not self.fires(name, traffic):
                    never.append(name)
                print(f"{name} {time.monotonic() - began:.1f} s", flush=True)
            wait_for(self.stack.is_ready, 60)
        self.assertEqual(never, [], "these steps were never passed")
        self.judge(traffic, steps=len(names))

    def fires(self, name, traffic):
        """Whether somebody was killed at a step, while what leads there happened."""
        waiting = self.armed.with_suffix(".new")
        waiting.write_text(name)
        waiting.rename(self.armed)
        driver = next((self.DRIVERS[of] for of in self.DRIVERS if re.match(of, name)), None)
        deadline = time.monotonic() + FIRED_WITHIN
        while self.armed.exists():
            if time.monotonic() > deadline:
                self.armed.unlink(missing_ok=True)
                return False
            if driver:
                getattr(self, driver)(traffic)
            self.reopen_dead_portals()
            time.sleep(0.05)
        if driver in ("migrate", "rotate_key"):
            getattr(self, driver)(traffic, done=True)
        return True

    def has_fired_within(self, seconds):
        try:
            return wait_for(lambda: not self.armed.exists(), seconds)
        except AssertionError:
            return False

    # --- what leads to a step

    def run_command(self, *words, done, **environment):
        """A command is killed at its step, and what it left is no hindrance when it runs again."""
        ended = self.stack.command(*words, **environment)
        self.assertEqual(ended.returncode, 0 if done else -signal.SIGKILL, ended)

    def migrate(self, _, done=False):
        fresh = self.stack.home / "fresh.db"
        self.run_command("migrate", done=done, IMRELAY_DATABASE_URL=f"sqlite:{fresh}")
        shell = subprocess.run(["sqlite3", fresh, "SELECT count(*) FROM sqlite_schema"],
                               capture_output=True, text=True, check=True)
        self.assertEqual(int(shell.stdout) > 0, done)

    def rotate_key(self, _, done=False):
        self.run_command("key", "rotate", done=done)

    def expire_tokens(self, _):
        for portal in self.portals:
            self.stand_in.expire(portal.member_id)
        self.has_fired_within(5)

    def install(self, traffic):
        """A new portal, and an event of it that comes before its proof."""
        portal = Portal()
        self.installed += 1
        portal.issued = self.stand_in.issue(portal.member_id)
        self.stand_in.fault("token", "down", member_id=portal.member_id)
        self.portals_beside.append(portal)
        traffic.post_one(portal, "ONAPPINSTALL", portal.install(
            client_endpoint=self.stand_in.client_endpoint))
        number = 20_000_000 + self.installed
        traffic.post_one(portal, DELETE, portal.delete(number, f"beside-{number}", im_chat=3000))
        self.stand_in.fault("token", "none", 0, member_id=portal.member_id)
        self.has_fired_within(10)
