"""Small servers on the loopback that answer in the place of somebody else's."""

import http.server
import pathlib
import ssl
import subprocess
import threading


class Elsewhere:
    """Answers every GET with `status` and `headers`; over TLS with a certificate that nobody
    vouches for, when it is given a directory to make it in."""

    def __init__(self, status=200, body=b"{}", headers=(), certificate_in=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response_only(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        if certificate_in:
            self.wrap(pathlib.Path(certificate_in))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wrap(self, directory):
        certificate, key = directory / "certificate.pem", directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http://", "https://")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
