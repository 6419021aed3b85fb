"""The generated protobuf agrees with the schema it was made from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

from veery.protocol.content import wire_pb2

FOLDER = Path(wire_pb2.__file__).parent


def compiled(target: Path) -> FileDescriptorProto:
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={FOLDER}", f"--descriptor_set_out={target}"]
    subprocess.run([*command, "wire.proto"], check=True)
    (file,) = FileDescriptorSet.FromString(target.read_bytes()).file
    return file


def names_of(message: DescriptorProto, prefix: str = "") -> Iterator[tuple[str, tuple[object, ...]]]:
    """Every field and enum value below a message, by its full name, and what is fixed about it."""
    name = f"{prefix}{message.name}."
    for each in message.field:
        yield f"{name}{each.name}", (each.number, each.label, each.type, each.type_name, each.options.packed)
    for kind in message.enum_type:
        yield from ((f"{name}{kind.name}.{each.name}", (each.number,)) for each in kind.value)
    for nested in message.nested_type:
        yield from names_of(nested, name)


def test_checked_in_descriptor_is_the_schema(tmp_path: Path) -> None:
    checked_in = FileDescriptorProto()
    wire_pb2.DESCRIPTOR.CopyToProto(checked_in)
    schema = compiled(tmp_path / "wire.descriptor")
    here = dict(name for message in checked_in.message_type for name in names_of(message))
    there = dict(name for message in schema.message_type for name in names_of(message))
    assert here == there
    assert len(here) > 150
    assert (checked_in.package, checked_in.syntax) == (schema.package, schema.syntax)


def test_stub_names_every_field() -> None:
    stub = (FOLDER / "wire_pb2.pyi").read_text(encoding="utf-8")
    checked_in = FileDescriptorProto()
    wire_pb2.DESCRIPTOR.CopyToProto(checked_in)
    for message in checked_in.message_type:
        assert f"class {message.name}(" in stub
        for each in message.field:
            assert f"    {each.name}: " in stub
