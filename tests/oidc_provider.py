"""A provider of OpenID Connect on the loopback, which signs in whoever comes, and can be made to do it wrongly."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "adrwatch-test", "a secret of the tests"


class Provider:
    """`claims` is put over those of the id token; `fault`: 'bad signature', 'alg none', 'no keys', 'down' or 'another issuer'."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.claims: dict[str, Any] = {}
        self.fault = ""
        self.key, self.wrong = (RSAKey.generate_key(2048, {"kid": "1"}) for _ in range(2))
        self.codes: dict[str, dict[str, str]] = {}

    def described(self) -> dict[str, Any]:
        named = {"authorization": "authorize", "token": "token", "end_session": "end"}
        ends = {f"{name}_endpoint": f"{self.address}/{path}" for name, path in named.items()}
        return {
            "issuer": "https://example.org" if self.fault == "another issuer" else self.address,
            "jwks_uri": f"{self.address}/keys",
            **ends,
        }

    def authorize(self, asked: dict[str, str]) -> str:
        assert asked["client_id"] == CLIENT
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or challenge.decode() != asked["code_challenge"] or authorization != basic:
            return 400, {"error": "invalid_grant"}
        moment = int(time.time())
        claims = {
            "iss": self.address, "aud": CLIENT, "sub": "person 1", "nonce": asked["nonce"], "iat": moment,
            "exp": moment + 300, "preferred_username": "mira", "name": "Mira Test", "groups": ["safety"],
        } | self.claims  # fmt: skip
        if self.fault == "alg none":
            parts = ({"alg": "none", "kid": "1"}, claims)
            word = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
            signed = f"{word}."
        else:
            key = self.wrong if self.fault == "bad signature" else self.key
            signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)
        return 200, {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": signed}


@contextmanager
def provider() -> Iterator[Provider]:
    """One that answers until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if found.fault == "down":
                self.close_connection = True
            elif url.path == "/.well-known/openid-configuration":
                self._answer(200, found.described())
            elif url.path == "/keys":
                self._answer(200, {"keys": [] if found.fault == "no keys" else [found.key.as_dict(private=False)]})
            elif url.path == "/authorize":
                self.send_response(303)
                self.send_header("Location", found.authorize(dict(parse_qsl(url.query))))
                self.end_headers()
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(*found.token(dict(parse_qsl(body)), self.headers.get("Authorization", "")))

        def log_message(self, *_: Any) -> None: ...

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
