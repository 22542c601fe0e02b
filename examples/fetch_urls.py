"""Waiting for a network: there may be more workers than cores. The pages come from a server in this very program.

Run it with `python -m scoop -n 4 examples/fetch_urls.py`.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from scoop import futures

PAGES = {"/": "a page that says hello", "/long": "word " * 2000, "/empty": ""}


class Pages(BaseHTTPRequestHandler):
    """Serves them."""

    def do_GET(self):
        page = PAGES.get(self.path)
        self.send_response(404 if page is None else 200)
        self.end_headers()
        self.wfile.write((page or "").encode())

    def log_message(self, *_):
        pass


def fetch(url):
    """How long a page is."""
    with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
        return len(answer.read())


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        pending = {path: futures.submit(fetch, address + path) for path in (*PAGES, "/lost")}
        for path, future in pending.items():
            try:
                print(f"{path}: {future.result()} bytes")
            except HTTPError as error:
                print(f"{path}: {error.code} {error.msg}")
        server.shutdown()
