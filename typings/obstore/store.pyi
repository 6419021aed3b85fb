from typing import Any

class S3Store:
    def __init__(self, bucket: str | None = ..., *, config: dict[str, Any] | None = ..., **options: Any) -> None: ...
