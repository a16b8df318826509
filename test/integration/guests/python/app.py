"""The smallest whole function in Python: a greeting, an echo, and what it may not do."""

from wit_world import exports
from wit_world.imports.types import (
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
)
from componentize_py_types import Ok


def attempt_socket() -> str:
    try:
        import socket

        socket.create_connection(("127.0.0.1", 80), timeout=1)
        return ""
    except Exception as error:
        return repr(error)


def attempt_file() -> str:
    try:
        with open("/etc/passwd") as file:
            file.read()
        return ""
    except Exception as error:
        return repr(error)


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        path = request.path_with_query() or "/"
        body = b""
        if path == "/echo":
            incoming = request.consume()
            stream = incoming.stream()
            parts = []
            while True:
                try:
                    parts.append(stream.blocking_read(65536))
                except Exception:
                    break
            body = b"".join(parts)
        elif path == "/forbidden":
            body = f"socket: {attempt_socket()}\nfile: {attempt_file()}".encode()
        else:
            body = f"hello from Python, {path}".encode()
        response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain")]))
        out = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        stream = out.write()
        for at in range(0, len(body), 4096):
            stream.blocking_write_and_flush(body[at : at + 4096])
        stream.__exit__(None, None, None)
        OutgoingBody.finish(out, None)
