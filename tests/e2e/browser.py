"""A headless Chromium that reaches nothing but the loopback, and stands Bitrix24's script server in
for the real one."""

import http.server
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading

# Debian's, also where another Python stands in front of Debian's.
sys.path.append("/usr/lib/python3/dist-packages")

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By  # for the tests
from selenium.webdriver.common.keys import Keys

from stand_ins import BUILD, request

SCREENSHOTS = BUILD / "screenshots"
SCRIPT_HOST = "api.bitrix24.com"


class ScriptServer:
    """https://api.bitrix24.com/api/v1/ with the stand-in's BX24, so that the pages' policy is that
    of production."""

    def __init__(self, stand_in):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-browser."))
        key, certificate = self.home / "key.pem", self.home / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={SCRIPT_HOST}", "-addext",
             f"subjectAltName=DNS:{SCRIPT_HOST}", "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        owner = self
        self.broken = False

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if owner.broken:
                    self.send_error(503)
                    return
                body = request(stand_in.port, "GET", "/api/v1/").body
                self.send_response(200)
                self.send_header("Content-Type", "text/javascript; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)
        shutil.rmtree(self.home, ignore_errors=True)


class Browser:
    """One Chromium with a profile of its own. Its messages and errors are kept."""

    def __init__(self, script_port):
        self.profile = tempfile.mkdtemp(prefix="imrelay-chromium.")
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--disable-default-apps", "--disable-dev-shm-usage",
                     "--disable-features=OptimizationHints,Translate,MediaRouter",
                     "--ignore-certificate-errors", f"--user-data-dir={self.profile}",
                     # Names lead nowhere but here.
                     f"--host-resolver-rules=MAP {SCRIPT_HOST}:443 127.0.0.1:{script_port}, "
                     "MAP localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        environment = {**os.environ, "HOME": self.profile}
        self.driver = webdriver.Chrome(
            service=Service("/usr/bin/chromedriver", env=environment), options=options)
        self.driver.set_page_load_timeout(90)
        self.driver.set_script_timeout(30)

    def set_size(self, width, height):
        """The size of what is shown, whatever the window is."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def messages(self):
        """What the console said since it was asked last; a broken policy is told there too."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")
                and "/favicon.ico" not in entry["message"]]

    def keep_screenshot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.driver.save_screenshot(str(path))
        print(f"screenshot: {path}", flush=True)

    def stop(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)
