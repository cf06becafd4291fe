"""Every step that is marked in the sources: whoever passes there is killed."""

import re
import signal
import subprocess
import time

from delivering import connect
from events import Portal, form
from ground import ChaosTest
from judge import ADD, DELETE, UPDATE
from stack import LONG, wait_for
from stand_ins import TREE

FIRED_WITHIN = 60
TURNS = 5 if LONG else 1


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
        r"recovery\.offline_(reserved|cleared)": "reserve",
        r"recovery\.offline_": "read_offline_queues",
        r"recovery\.readback_": "delete_on_the_way",
        r"intake\.set_aside": "damage_spool",
        r"(spool|spooler|intake)\.": "spool",
        r"store\.backup_": "back_up",
        r"store\.erasure_step": "uninstall",
        r"store\.retention_erased": "grow_old",
    }
    # Drivers that are killed themselves. A worker that starts passes some of their steps too.
    COMMANDS = ("migrate", "rotate_key", "back_up")

    def make_stack(self):
        stack = super().make_stack()
        self.armed = stack.home / "failpoint"
        self.armed_command = stack.home / "command.failpoint"
        self.reserving = None
        self.damaged = 0
        stack.environment.update(
            IMRELAY_FAILPOINT=str(self.armed),
            IMRELAY_BITRIX24_PUBLIC_URL=f"http://127.0.0.1:{stack.port}")
        return stack

    def connect_portal(self, index):
        """Bound at the address that upkeep binds too, so that no event is posted twice. With an
        offline queue, the second one's in reserved batches."""
        portal = Portal()
        if index == 1:
            self.stand_in.portal(portal.member_id, features=["rest_offline_extended"])
        connect(self.stack, portal=portal)
        for event in (ADD, UPDATE, DELETE):
            self.stand_in.bind(portal.member_id, event, offline=True)
        return portal

    def test_kill_9_at_every_marked_step(self):
        """Wherever a process is killed: nothing acknowledged is lost, doubled or misplaced."""
        names = marked_steps()
        self.assertGreater(len(names), 10)
        never = []
        traffic = self.traffic(pause=0.05)
        self.old_portals = [self.install_to_forget(traffic) for _ in range(TURNS + 1)]
        with traffic:
            for name in names * TURNS:
                if not self.fires(name, traffic):
                    never.append(name)
            wait_for(self.stack.is_ready, 60)
        self.assertEqual(never, [], "these steps were never passed")
        self.judge(traffic, may_refuse=True, steps=len(names))

    def fires(self, name, traffic):
        """Whether somebody was killed at a step, while what leads there happened."""
        driver = next((self.DRIVERS[of] for of in self.DRIVERS if re.match(of, name)), None)
        if driver in self.COMMANDS:
            return self.fires_in_command(name, getattr(self, driver))
        self.arm(self.armed, name)
        deadline = time.monotonic() + FIRED_WITHIN
        while self.armed.exists():
            if time.monotonic() > deadline:
                self.armed.unlink(missing_ok=True)
                return False
            if driver:
                getattr(self, driver)(traffic)
            self.reopen_dead_portals()
            time.sleep(0.05)
        return True

    def fires_in_command(self, name, command):
        """Whether a command is killed at a step; what it left is no hindrance to the next."""
        self.arm(self.armed_command, name)
        command(done=False)
        fired = not self.armed_command.exists()
        command(done=True)
        return fired

    def arm(self, file, name):
        waiting = file.with_suffix(".new")
        waiting.write_text(name)
        waiting.rename(file)

    def has_fired_within(self, seconds):
        try:
            return wait_for(lambda: not self.armed.exists(), seconds)
        except AssertionError:
            return False

    # --- what leads to a step

    def run_command(self, *words, done, **environment):
        ended = self.stack.command(*words, IMRELAY_FAILPOINT=str(self.armed_command), **environment)
        self.assertEqual(ended.returncode, 0 if done else -signal.SIGKILL, ended)

    def migrate(self, done):
        fresh = self.stack.home / "fresh.db"
        self.run_command("migrate", done=done, IMRELAY_DATABASE_URL=f"sqlite:{fresh}")
        shell = subprocess.run(["sqlite3", fresh, "SELECT count(*) FROM sqlite_schema"],
                               capture_output=True, text=True, check=True)
        self.assertEqual(int(shell.stdout) > 0, done)

    def rotate_key(self, done):
        self.run_command("key", "rotate", done=done)

    def back_up(self, done):
        copy = self.stack.home / "copy.db"
        copy.unlink(missing_ok=True)
        self.run_command("backup", copy, done=done)
        if done:
            shell = subprocess.run(["sqlite3", copy, "PRAGMA integrity_check"],
                                   capture_output=True, text=True, check=True)
            self.assertEqual(shell.stdout, "ok\n")

    def spool(self, traffic):
        with self.no_worker_reached():
            before = traffic.spooled
            wait_for(lambda: traffic.spooled > before + 3, 30, "spooled events")
        self.has_fired_within(5)

    def read_offline_queues(self, traffic):
        for portal in self.portals:
            traffic.post_one(portal, "ONOFFLINEEVENT", form(portal.tree("ONOFFLINEEVENT", {})))
        self.has_fired_within(2)

    def delete_on_the_way(self, _):
        """A message that is deleted before it is confirmed, so that no event tells of it."""
        portal = self.portals[0]
        self.channel.setting(delay_ms=1500)
        number = self.stand_in.send(portal.member_id, "myconnector", "Hurry", chat="channel-1")
        time.sleep(1)
        self.stand_in.delete(portal.member_id, number)
        self.channel.setting(delay_ms=0)
        self.has_fired_within(20)

    def damage_spool(self, traffic):
        directory = self.stack.database.parent / "spool" / "spooler"
        damaged = directory / f"20200101T000000.000Z-1-{self.damaged}.spool"
        self.damaged += 1
        damaged.write_text("no record\n")
        damaged.chmod(0o600)
        self.has_fired_within(5)

    def expire_tokens(self, _):
        for portal in self.portals:
            self.stand_in.expire(portal.member_id)
        self.has_fired_within(5)

    def install(self, traffic):
        """A new portal, and an event of it that comes before its proof."""
        portal = Portal()
        self.portals_beside.append(portal)
        self.begin_installation(portal, traffic)
        self.has_fired_within(10)

    def begin_installation(self, portal, traffic):
        self.installed += 1
        number = 20_000_000 + self.installed
        portal.issued = self.stand_in.issue(portal.member_id)
        self.stand_in.fault("token", "down", member_id=portal.member_id)
        traffic.post_one(portal, "ONAPPINSTALL", portal.install(
            client_endpoint=self.stand_in.client_endpoint))
        traffic.post_one(portal, DELETE, portal.delete(number, f"beside-{number}", im_chat=3000))
        self.stand_in.fault("token", "none", 0, member_id=portal.member_id)

    def install_to_forget(self, traffic):
        """A portal of which something is going to be erased, so the judge does not look at it."""
        portal = Portal()
        self.forgotten.add(portal.member_id)
        self.begin_installation(portal, traffic)
        wait_for(lambda: self.stack.portal_status(portal) == "active"
                 and self.stack.messages(portal), 60, "an installation")
        return portal

    def reserve(self, _):
        """A portal whose plan lets its offline queue be read in reserved batches."""
        if self.reserving is None:
            portal = Portal()
            self.forgotten.add(portal.member_id)
            self.stand_in.portal(portal.member_id, features=["rest_offline_extended"])
            self.reserving = connect(self.stack, portal=portal)
            # Unless upkeep was quicker.
            self.stand_in.try_control("bind", member_id=portal.member_id, offline=True,
                                      event="ONIMCONNECTORMESSAGEADD")
        self.stand_in.send(self.reserving.member_id, "myconnector", "For the queue")
        self.kill_workers()  # whoever starts reads every queue
        self.has_fired_within(10)

    def uninstall(self, traffic):
        portal = self.install_to_forget(traffic)
        traffic.post_one(portal, "ONAPPUNINSTALL", portal.uninstall(clean=True))
        self.has_fired_within(10)

    def grow_old(self, _):
        """What is old is looked for among the oldest rows, so it has to be of the first portals."""
        portal = self.old_portals.pop()
        subprocess.run(["sqlite3", "-cmd", ".timeout 5000", self.stack.database,
                        "UPDATE event SET received_at = received_at - 86400 * 365 WHERE portal_id ="
                        f" (SELECT portal_id FROM portal WHERE member_id = '{portal.member_id}')"],
                       check=True)
        self.kill_workers()  # whoever starts looks for what is old
        self.has_fired_within(20)
