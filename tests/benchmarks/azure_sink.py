"""The other side, with as much of Azure besides: ``python -m benchmarks.azure_sink`` serves it.

Blobs are the objects of :class:`.sink.Sink`, in the container of its bucket's name.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from benchmarks.sink import HTTP_DATE, PAGE, Sink, Stored, xml
from benchmarks.wire import Counters, Request, Wire, serve

ACCOUNT = "benchmarkaccount"
#: Nobody checks it.
ACCOUNT_KEY = "YmVuY2htYXJr"
_BLOCK = re.compile(r"<(?:Latest|Uncommitted)>([^<]*)<")


class AzureSink(Sink):
    """A bucket that is a container, too.

    :param counters: what is counted.
    :param latency: seconds before each answer.
    """

    def handle(self, wire: Wire, request: Request) -> None:
        """Answer a request in Azure's words, or in S3's."""
        path, _, query = request.target.partition("?")
        if not path.startswith(f"/{ACCOUNT}/"):
            super().handle(wire, request)
            return
        asked = {name: values[0] for name, values in parse_qs(query, True).items()}
        _account, _container, key = [*unquote(path)[1:].split("/", 2), ""][:3]
        operation = asked.get(
            "comp", {"PUT": "put", "DELETE": "delete"}.get(request.method, "read")
        )
        self.begin(operation)
        getattr(self, f"_azure_{operation}")(wire, request, key, asked)
        self.counters.add(requests=1)

    def _azure_put(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        self._azure_store(wire, request, key, self.receive(wire, request, key))

    def _azure_block(self, wire: Wire, request: Request, key: str, asked: dict[str, str]) -> None:
        stored = self.receive(wire, request, key)
        with self.lock:
            self.blocks[key, asked["blockid"]] = stored
        wire.answer("201 Created")

    def _azure_blocklist(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        body = b"".join(map(bytes, wire.body(request.headers))).decode()
        with self.lock:
            parts = [self.blocks.pop((key, name)) for name in _BLOCK.findall(body)]
        self._azure_store(wire, request, key, self.joined(parts))

    def _azure_store(self, wire: Wire, request: Request, key: str, stored: Stored) -> None:
        if self.keep(request, key, stored):
            wire.answer("201 Created", head=f"{stored.head}Last-Modified: {HTTP_DATE}\r\n")
        elif "if-none-match" in request.headers:
            _error(wire, "409 Conflict", "BlobAlreadyExists")
        else:
            _error(wire, "412 Precondition Failed", "ConditionNotMet")

    def _azure_delete(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        if self.drop(key):
            wire.answer("202 Accepted")
        else:
            _error(wire, "404 Not Found", "BlobNotFound")

    def _azure_read(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        if self.objects.get(key) is None:
            _error(wire, "404 Not Found", "BlobNotFound")
        else:
            self.send(wire, request, key)

    def _azure_list(self, wire: Wire, request: Request, key: str, asked: dict[str, str]) -> None:
        most = int(asked.get("maxresults", PAGE))
        page, folders, more = self.page(
            asked.get("prefix", ""), asked.get("delimiter", ""), asked.get("marker", ""), most
        )

        def blobs() -> Iterator[str]:
            for name, stored in page:
                yield (
                    f"<Blob><Name>{escape(name)}</Name><Properties>"
                    f"<Last-Modified>{HTTP_DATE}</Last-Modified><Etag>{escape(stored.etag)}</Etag>"
                    f"<Content-Length>{stored.size}</Content-Length>"
                    "<Content-Type>text/csv</Content-Type><BlobType>BlockBlob</BlobType>"
                    "</Properties></Blob>"
                )
            for folder in folders:
                yield f"<BlobPrefix><Name>{escape(folder)}</Name></BlobPrefix>"

        following = escape(page[-1][0]) if more else ""
        xml(
            wire,
            "EnumerationResults",
            f"<Blobs>{''.join(blobs())}</Blobs><NextMarker>{following}</NextMarker>",
        )


def _error(wire: Wire, status: str, code: str) -> None:
    xml(wire, "Error", f"<Code>{code}</Code>", status)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        _counters = Counters(1)
        _sink = AzureSink(_counters, float(sys.argv[1]))
        serve(_sink.handle, _counters, certificate=sys.argv[2])
