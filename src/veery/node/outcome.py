"""What a storage request comes to: a code, and a body that each road writes in its own way (04.1)."""

from __future__ import annotations

import msgspec

from veery.node.http import BINARY, JSON, TEXT, HttpAnswer
from veery.protocol.storage_rpc.encoding import Encoding, encode_body
from veery.protocol.storage_rpc.errors import Plain, RpcError


class Outcome(msgspec.Struct, frozen=True):
    """The result of one request. body: a JSON object, a text, or bytes (a binary result such as a node list)."""

    code: int
    body: dict[str, Plain] | str | bytes

    @classmethod
    def refused(cls, error: RpcError) -> Outcome:
        """The outcome of a request that was refused."""
        return cls(error.code, error.body if isinstance(error.body, str) else dict(error.body))

    def encoded(self, encoding: Encoding = Encoding.JSON) -> bytes:
        """The body alone, as it goes out."""
        if isinstance(self.body, dict):
            return encode_body(self.body, encoding)
        return self.body.encode() if isinstance(self.body, str) else self.body

    def to_http(self) -> HttpAnswer:
        """The answer over HTTPS: text and JSON by their content type."""
        kind = JSON if isinstance(self.body, dict) else TEXT if isinstance(self.body, str) else BINARY
        return HttpAnswer(self.code, self.encoded(), kind)

    def to_queue(self, encoding: Encoding) -> list[bytes]:
        """The parts of a queue answer: one on success, code and body on failure (15.4.1)."""
        body = self.encoded(encoding)
        return [body] if self.code == 200 else [b"%d" % self.code, body]

    def json_value(self) -> Plain:
        """The body as a value inside of another body: of a batch, or of an onion reply."""
        return self.body
