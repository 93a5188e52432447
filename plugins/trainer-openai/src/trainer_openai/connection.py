"""Lines to a server: one for each request in flight, keys that stay hidden, failures as typed errors."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trainer.errors import BadReply, CompletionError, ConfigError, Transport
from trainer_openai import faults

if TYPE_CHECKING:
    import httpx

CONNECT = 10.0  # seconds: a server that takes longer to accept a connection is not there
IDLE = 30.0  # seconds for which an unused connection is kept
LARGEST = 64_000_000  # bytes of one answer
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
SHORTEST_SECRET = 8  # characters: shorter words would blot out half of a message


class Connection:
    """Requests to the server at `base_url`, for any number of threads.

    `key` is asked for at each request and gives an empty text for none. A server on this machine is asked directly;
    to any other httpx goes by the environment's proxies and certificates (`HTTPS_PROXY`, `SSL_CERT_FILE`, …).
    Redirects are not followed, so a key reaches no other place. httpx is imported at the first request.

    Each request in flight has a client of its own, kept for the next: httpx's pool looks at all its connections
    for each request, which at 64 of them costs as much CPU time as all the rest (see `benchmarks/complete.py`).
    """

    def __init__(
        self, who: str, base_url: str, key: Callable[[], str], headers: Mapping[str, str], advice: Mapping[type, str]
    ) -> None:
        self._who, self._url, self._key, self._headers, self._advice = who, base_url.rstrip("/"), key, headers, advice
        self._idle: list[httpx.Client] = []
        self._lock = threading.Lock()
        self._settings: dict[str, Any] = {}

    @contextmanager
    def ask(self, path: str, body: bytes | None, timeout: float, model: str = "") -> Iterator[httpx.Response]:
        """The head of the answer to a POST of `body` (a GET without one); its text is read inside the `with`.

        `timeout` is in seconds of silence. Raises the errors of `trainer.errors.CompletionError`, `ConfigError` for
        settings that cannot be sent. Leaving early closes the connection.
        """
        headers = self._sent()
        import httpx

        limit = httpx.Timeout(timeout, connect=min(timeout, CONNECT))
        method = "GET" if body is None else "POST"
        try:
            with (
                self._line() as client,
                client.stream(method, self._url + path, content=body, headers=headers, timeout=limit) as response,
            ):
                if response.status_code >= 300:
                    raise self._refusal(response, model)
                yield response
        except httpx.TimeoutException as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise self._unreachable("it does not accept the connection") from error
            raise Transport(
                f"{self._who} was silent for {timeout:g} s", "Try again, or raise `timeout` in the settings."
            ) from error
        except httpx.LocalProtocolError:
            raise ConfigError(
                f"the headers for {self._who} cannot be sent", "Check `headers` in its settings."
            ) from None
        except httpx.DecodingError as error:
            raise BadReply(f"{self._who} sends what cannot be decompressed", "Try again later.") from error
        except httpx.ConnectError as error:
            raise self._unreachable(str(error)) from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Transport(
                f"the connection to {self._who} broke: {self.masked(reason)}",
                "Try again; if it stays so, check the network.",
            ) from error

    def json(self, response: httpx.Response) -> Any:
        """The whole text of an answer, as JSON."""
        return self.parse(b"".join(self.chunks(response)))

    def parse(self, text: str | bytes) -> Any:
        """JSON; raises `BadReply` for anything else."""
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self.bad("something that is not JSON", text) from None

    def bad(self, what: str, value: Any) -> CompletionError:
        """An error about an answer that is none, with its beginning."""
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        begins = " ".join(self.masked(text if isinstance(text, str) else json.dumps(text)).split())[:80]
        return BadReply(
            f"{self._who} answered with {what}: {begins!r}",
            "Try again later; if it stays so, check base_url: is there a server that speaks OpenAI's protocol?",
        )

    def chunks(self, response: httpx.Response) -> Iterator[bytes]:
        """The text of an answer as it arrives."""
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > LARGEST:
                raise BadReply(f"{self._who} sends over {LARGEST:,} bytes", "Ask for less.")
            yield chunk

    def fault(self, told: faults.Complaint, headers: Mapping[str, str], model: str) -> CompletionError:
        """The error that a complaint means, without the key if the server repeats it."""
        told = faults.masked(told, self.masked(told.message))
        return faults.error(self._who, model, told, headers, self._advice)

    def masked(self, text: str) -> str:
        """`text` without the key and the values of the headers."""
        for secret in (self._key(), *self._headers.values()):
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "********")
        return text

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _sent(self) -> dict[str, str]:
        key = self._key()
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise ConfigError(
                f"the key for {self._who} has characters that no key has (a line end, a space, an accent …)",
                "Copy it anew.",
            )
        headers = {"accept-encoding": "identity", "content-type": "application/json"}  # text comes as it is made
        if key:
            headers["authorization"] = f"Bearer {key}"
        for name, value in self._headers.items():
            if not (name.isascii() and value.isascii() and value.isprintable()):
                raise ConfigError(f"the header {name!r} for {self._who} cannot be sent", "Use plain ASCII in one line.")
            headers[name.lower()] = value
        return headers

    @contextmanager
    def _line(self) -> Iterator[httpx.Client]:
        idle = self._idle
        try:
            client = idle.pop()  # the last one used, so that few stay open
        except IndexError:
            client = self._made()
        try:
            yield client
        finally:
            if idle is self._idle:
                idle.append(client)
            else:
                client.close()

    def _made(self) -> httpx.Client:
        import httpx

        try:
            with self._lock:
                self._settings = self._settings or self._checked()
            return httpx.Client(**self._settings)
        except (ImportError, ValueError, OSError, httpx.InvalidURL):  # their words may hold a proxy's password
            raise ConfigError(
                f"the proxy or the certificates that the environment names cannot be used for {self._who}",
                "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and SSL_CERT_FILE; SOCKS needs `pip install httpx[socks]`.",
            ) from None

    def _checked(self) -> dict[str, Any]:
        """What clients are made with."""
        import ssl

        import httpx

        try:
            url = httpx.URL(self._url)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
            raise ConfigError(
                f"base_url of {self._who} is no address of a server",
                "Write it like https://api.example.org/v1, without user, password and query.",
            )
        here = url.host in LOOPBACK
        # Certificates take long to load, and no request without TLS needs them: the bare context trusts nobody.
        bare = here and url.scheme == "http"
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if bare else httpx.create_ssl_context()
        return {"limits": httpx.Limits(keepalive_expiry=IDLE), "trust_env": not here, "verify": verify}

    def _refusal(self, response: httpx.Response, model: str) -> Exception:
        if response.status_code < 400:
            return ConfigError(
                f"{self._who} redirects to another address ({response.status_code}), and a key is not sent there",
                "Let base_url be the address it redirects to, if you trust it.",
            )
        return self.fault(faults.read(response.status_code, b"".join(self.chunks(response))), response.headers, model)

    def _unreachable(self, reason: str) -> Exception:
        if reason.startswith("[SSL"):
            return ConfigError(
                f"no safe connection to {self._who} can be made: {reason}",
                "Check base_url, proxies and certificates (SSL_CERT_FILE): trying again is no help.",
            )
        return Transport(
            f"{self._who} cannot be reached at {self._url}: {reason}",
            self._advice.get(Transport) or "Check the network and base_url.",
        )
