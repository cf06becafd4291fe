"""What `cmake --install` installs, as far as it can be told without installing it for real.

tests/debian/run.py does that.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from stand_ins import BUILD, CHANNEL_SECRET, TREE

FILES = """
bin/imrelay 755
lib/systemd/system/imrelay-spooler.service 644
lib/systemd/system/imrelay-spooler.socket 644
lib/systemd/system/imrelay.service 644
lib/systemd/system/imrelay.socket 644
lib/sysusers.d/imrelay.conf 644
lib/tmpfiles.d/imrelay.conf 644
share/imrelay/imrelay.toml 644
share/imrelay/logrotate.conf 644
share/imrelay/nginx/example-tls.conf 644
share/imrelay/nginx/imrelay-locations.conf 644
share/imrelay/nginx/imrelay-upstream.conf 644
""".split("\n")[1:-1]


def run(*arguments, **options):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=60,
                          **options)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class InstalledFiles(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-e2e."))
        self.addCleanup(shutil.rmtree, self.home)

    def install(self, *arguments, **environment):
        run("cmake", "--install", BUILD, *arguments, env={"PATH": "/usr/bin:/bin", **environment})

    def test_it_is_these_files_and_no_other(self):
        self.install(DESTDIR=str(self.home))
        there = self.home / "usr" / "local"
        found = [f"{path.relative_to(there)} {path.stat().st_mode & 0o7777:o}"
                 for path in self.home.rglob("*") if path.is_file()]
        self.assertEqual(sorted(found), FILES)

    def test_the_example_configuration_is_understood_with_and_without_its_hashes(self):
        text = (TREE / "etc" / "imrelay.toml").read_text()
        for name in re.findall(r'_file = "(\w+)"', text):
            secret = f"not-so-secret-{name}"
            if "channel_secret" in name:
                secret = CHANNEL_SECRET
            elif name == "bot_token":
                secret = "1234567890:" + 35 * "x"
            (self.home / name).write_text(f"{secret}\n")
        (self.home / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        config = self.home / "imrelay.toml"
        for example in (text, re.sub(r"(?m)^# (\w+ = |\[\[)", r"\1", text)):
            config.write_text(example.replace("/var/lib/imrelay", str(self.home)))
            run(BUILD / "imrelay", "migrate", "--config", config, env={})

    def test_nginx_takes_the_example_site(self):
        site = (TREE / "nginx" / "example-tls.conf").read_text()
        subject = ["-subj", "/CN=relay.example.com", "-days", "1"]
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject,
            "-keyout", self.home / "privkey.pem", "-out", self.home / "fullchain.pem")
        site = site.replace("/etc/letsencrypt/live/relay.example.com", str(self.home))
        # Ports that need no rights and are nobody's.
        site = re.sub(r"(?<=listen )(\S*?)(80|443|8081)\b",
                      lambda listen: f"{listen[1]}{int(listen[2]) + 30000}", site)
        shutil.copytree(TREE / "nginx", self.home / "snippets")
        conf = self.home / "nginx.conf"
        conf.write_text(f"""pid {self.home}/pid; error_log stderr; events {{}} http {{
            {(TREE / "nginx" / "imrelay-upstream.conf").read_text()}
            client_body_temp_path {self.home}; fastcgi_temp_path {self.home};
            proxy_temp_path {self.home}; scgi_temp_path {self.home}; uwsgi_temp_path {self.home};
            access_log off; {site} }}""")
        said = run("nginx", "-t", "-p", self.home, "-c", conf,
                   env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})
        self.assertNotIn("[warn]", said)
