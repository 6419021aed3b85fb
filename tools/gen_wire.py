"""Make `wire_pb2.py` and `wire_pb2.pyi` from `wire.proto`, beside it. Needs the development tools (grpcio-tools)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "src" / "veery" / "protocol" / "content"


def main() -> int:
    """Run the protobuf compiler; gives its exit code."""
    outputs = [f"--python_out={FOLDER}", f"--pyi_out={FOLDER}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={FOLDER}", *outputs, "wire.proto"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
