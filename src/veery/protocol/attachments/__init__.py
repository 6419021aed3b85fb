"""Files and attachments (chapter 09), as bytes and values alone.

`legacy`, `stream*` and `profile_pictures` encrypt and open blobs, `opening` picks the scheme for what a message points
to, `sizes` tells how long blobs become. `urls`, `servers` and `file_ids` say where a blob lies, `requests`, `releases`
and `version_check` what client and file server say to each other. `file_names` makes a stranger's file name harmless.
"""

from veery.protocol.attachments.errors import (
    FileAnswerMalformed,
    FileChanged,
    FileIdMalformed,
    FileMalformed,
    FileRefused,
    FileServerRefused,
    FileServerUnknown,
    FileUnfit,
    FileUrlMalformed,
    VersionCheckRefused,
)
from veery.protocol.attachments.file_ids import FileId, FileIdHasher, http_id, numeric_id, quic_id
from veery.protocol.attachments.file_names import safe_file_name
from veery.protocol.attachments.legacy import LegacyFile
from veery.protocol.attachments.opening import Scheme, open_attachment, open_profile_picture, scheme_of
from veery.protocol.attachments.servers import DEFAULT_FILE_SERVER, FileServer, x25519_of
from veery.protocol.attachments.sizes import (
    check_blob_size,
    cut_to_size,
    legacy_padded_size,
    stream_blob_size,
    stream_padding,
    stream_plaintext_bound,
)
from veery.protocol.attachments.stream import StreamFile
from veery.protocol.attachments.stream_decryptor import StreamDecryptor
from veery.protocol.attachments.stream_encryptor import StreamEncryptor
from veery.protocol.attachments.stream_keys import Domain, StreamHasher, StreamKey
from veery.protocol.attachments.urls import FileUrl, RouterAddress, parse_url, url_of
from veery.protocol.attachments.version_check import check_version_headers

__all__ = [
    "DEFAULT_FILE_SERVER",
    "Domain",
    "FileAnswerMalformed",
    "FileChanged",
    "FileId",
    "FileIdHasher",
    "FileIdMalformed",
    "FileMalformed",
    "FileRefused",
    "FileServer",
    "FileServerRefused",
    "FileServerUnknown",
    "FileUnfit",
    "FileUrl",
    "FileUrlMalformed",
    "LegacyFile",
    "RouterAddress",
    "Scheme",
    "StreamDecryptor",
    "StreamEncryptor",
    "StreamFile",
    "StreamHasher",
    "StreamKey",
    "VersionCheckRefused",
    "check_blob_size",
    "check_version_headers",
    "cut_to_size",
    "http_id",
    "legacy_padded_size",
    "numeric_id",
    "open_attachment",
    "open_profile_picture",
    "parse_url",
    "quic_id",
    "safe_file_name",
    "scheme_of",
    "stream_blob_size",
    "stream_padding",
    "stream_plaintext_bound",
    "url_of",
    "x25519_of",
]
