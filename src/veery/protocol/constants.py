"""The geometry: sizes, limits, lifetimes and labels of the protocol, one line each with unit and chapter.

Sizes are bytes unless the name says otherwise; times are milliseconds where a name ends in `_MS`, seconds where it
ends in `_S`. No such literal stands anywhere else in the code.
"""

from __future__ import annotations

from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

# -- keys and identifiers (01) ---------------------------------------------------------------------------------
KEY_SIZE: Final = 32  # Ed25519 and X25519 keys, 01.1
SIGNATURE_SIZE: Final = 64  # Ed25519, 01.1
SEED_SIZE: Final = 16  # account seed, 01.1
ACCOUNT_ID_SIZE: Final = 33  # prefix and key, 01.2
ACCOUNT_ID_HEX: Final = 66  # characters, 01.2
PREFIX_USER: Final = 0x05  # 01.2
PREFIX_GROUP: Final = 0x03  # 01.2
PREFIX_BLIND15: Final = 0x15  # 01.2
PREFIX_BLIND25: Final = 0x25  # 01.2
PREFIX_UNBLINDED: Final = 0x00  # 01.2
PREFIX_VERSION_AUTH: Final = 0x07  # 01.2, 01.6
DISPLAY_NAME_MAX: Final = 100  # bytes of UTF-8, 01.4
ED25519_SECRET_SIZE: Final = 64  # libsodium form: seed and public key, 01 conventions
RECOVERY_WORDS: Final = 13  # 12 data words and the checksum word, 01.3
RECOVERY_WORD_PREFIX: Final = 3  # significant characters of a word, 01.3.1
RECOVERY_GROUP_SIZE: Final = 4  # bytes written as three words, 01.3.2
RECOVERY_BYTES_MAX: Final = 1_024  # encoded by the low-level functions; a bound of ours
RESTORE_SEARCH_S: Final = 15.0  # for a profile in the swarm, 01.4
RESTORED_NAME_TIMESTAMP: Final = 1  # of a name typed when none was found: every real profile wins, 01.4
XED25519_RANDOM_SIZE: Final = 64  # 01.5
XED25519_PERSON: Final = b"xed25519signatur"  # 01.5
VERSION_AUTH_KEY: Final = b"VersionCheckKey_sig"  # 01.6
VERSION_AUTH_BODY_DIGEST: Final = 64  # BLAKE2b of a request's body at the file server, 01.6
BLIND25_SEED_KEY: Final = b"SessCommBlind25_seed"  # 01.7.2
BLIND25_SIGNATURE_KEY: Final = b"SessCommBlind25_sig"  # 01.7.2
BLINDED_MESSAGE_VERSION: Final = 0  # first byte, 01.7.4
NAME_TYPE_ACCOUNT: Final = 0  # `type` of a name that stands for an Account ID, 01.8
NAME_ANSWERS: Final = 3  # nodes that must agree, 01.8
NAME_TIMEOUT_S: Final = 10.0  # a node, 01.8
NAME_MAX: Final = 1_024  # characters typed; a bound of ours, 01.8 sets none

# -- messages v1 (02) ------------------------------------------------------------------------------------------
MESSAGE_PADDING: Final = 160  # block, 02.2
SEALED_BOX_OVERHEAD: Final = 48  # 02.1
SIGNED_TRAILER_SIZE: Final = KEY_SIZE + SIGNATURE_SIZE  # sender key and signature, 02.1
ATTACHMENTS_MAX: Final = 32  # a message, 02.3.3
BODY_MAX_CODE_POINTS: Final = 10_000  # receivers cut here, 02.7.1
BODY_COMPOSE_CODE_POINTS: Final = 2_000  # senders refuse beyond, 02.7.1
COMMUNITY_TIMESTAMP_SLACK_MS: Final = 6 * HOUR_MS  # 02.5.2
CONFIG_OLDER_SLACK_MS: Final = 2 * MINUTE_MS  # 02.5.2
TTL_MESSAGE_MS: Final = 14 * DAY_MS  # 02.4.1
TTL_CONFIG_MS: Final = 30 * DAY_MS  # 02.4.1
TTL_CALL_MS: Final = 5 * MINUTE_MS  # 02.4.1
TTL_TYPING_MS: Final = 20 * SECOND_MS  # 02.4.1
SEALED_MESSAGE_MIN: Final = SEALED_BOX_OVERHEAD + SIGNED_TRAILER_SIZE  # shorter boxes are refused, 02.1.2
PRO_SIGNATURE_SIZE: Final = SIGNATURE_SIZE  # real or decoy, 02.1
PROFILE_KEY_SIZE: Final = 32  # 02.3.3
MEMBER_AUTH_SIZE: Final = 100  # of a group invite, 02.3.5
CONTENT_MAX: Final = 1_000_000  # one Content or Envelope, 08.5
REQUEST_RESPONSE_LEAD_MS: Final = 100  # its T is so much before that of the message that answers a request, 02.8.6
REACTION_MAX: Final = 32  # code points of one emoji that a receiver keeps; a bound of ours
LABEL_BOX_EPHEMERAL: Final = b"SessionBoxEphemeralHashKey"  # key of the ephemeral seed's hash, 02.1.1
LEGACY_GROUP_TARGET: Final = "__textsecure_group__!"  # beginning of a dead syncTarget, 02.5.2
PREVIEW_URL_MAX: Final = 4_096  # characters, 02.3.3
PREVIEW_HOST_MAX: Final = 2_048  # characters, 02.3.3
TIMERS_AFTER_READ_S: Final = (300, 3_600, 43_200, 86_400, 604_800, 1_209_600)  # offered, 02.8.1
TIMERS_AFTER_SEND_S: Final = (43_200, 86_400, 604_800, 1_209_600)  # offered, 02.8.1
TIMER_AFTER_READ_DEFAULT_S: Final = 43_200  # 02.8.1
TIMER_AFTER_SEND_DEFAULT_S: Final = 86_400  # 02.8.1

# -- onion requests (03) ---------------------------------------------------------------------------------------
ONION_HOPS: Final = 3  # 03.7.3
ONION_BODY_MAX: Final = 10_485_760  # HTTP body, 03.3
ONION_HOP_LIMIT: Final = 15  # 03.3.1
ONION_HOP_TIMEOUT_S: Final = 30.0  # node to node, 03.3.1
ONION_SERVER_TIMEOUT_S: Final = 25.0  # last hop to server, 03.4.3
ONION_FRAME_HEAD: Final = 4  # length of the blob, little-endian, 03.1
ONION_GCM_LABEL: Final = b"LOKI"  # HMAC key of the aes-gcm layer key, 03.2
ONION_PATH: Final = "/onion_req/v2"  # at the guard, 03.3
ONION_USER_AGENT: Final = "WhatsApp"  # of every client, 03.3
ONION_ACCEPT_LANGUAGE: Final = "en-us"  # of every client, 03.3
ONION_HOP_COMMAND: Final = "sn.onion_request"  # node to node, 03.3.1
ONION_CODES: Final = frozenset(
    {200, 400, 401, 403, 404, 406, 410, 413, 421, 429, 500, 502, 503, 504}
)  # passed on, 03.4.2
ONION_REFUSAL_TEXT_MAX: Final = 1_000  # characters kept of a refusal that a stranger wrote
ONION_SERVER_PORT: Final = 443  # when a route names none, whatever the protocol, 03.4.3
ONION_TARGET_PREFIXES: Final = ("/loki/", "/oxen/")  # 03.4.3
ONION_TARGET_SUFFIX: Final = "/lsrpc"  # 03.4.3
ONION_TARGET_MAX: Final = 1_024  # characters of a server target or host, a bound of our own
ONION_V4_TARGET: Final = "/oxen/v4/lsrpc"  # 03.6
ONION_V3_TARGETS: Final = ("/oxen/v3/lsrpc", "/loki/v3/lsrpc")  # 03.6
ONION_PATHS: Final = 2  # standing at a time, 03.7.3
ONION_REQUEST_TIMEOUT_S: Final = 10.0  # 03.7.3
ONION_ANSWER_MAX: Final = 16 * 1024**2  # HTTP answer that a client reads; a bound of ours above 04.6.2 in base64 twice
POOL_MIN: Final = 12  # usable nodes, 03.7.3, newest
POOL_STALE_MS: Final = 2 * HOUR_MS  # then the pool is refreshed, 03.7.3
POOL_PAUSE_MS: Final = 2 * SECOND_MS  # between two refreshes, 03.7.3
POOL_ASKED: Final = 3  # nodes asked for their list, 03.7.2
POOL_AGREEMENT: Final = 2  # answers that must name a node, 03.7.2
POOL_ATTEMPTS: Final = 4  # refreshes from nodes before the seeds are asked, 03.7.2
NODE_STRIKES: Final = 3  # then a node is dropped, 03.7.3
STRIKE_LIFE_MS: Final = 48 * HOUR_MS  # 03.7.3
PATH_FAILURES: Final = 3  # then a path is retired, 03.7.3
PATH_BUILD_ATTEMPTS: Final = 10  # in a row before resting, 03.7.3
PATH_BUILD_FIRST_MS: Final = 200  # pause after the first failure, doubling, 03.7.3
PATH_BUILD_MAX_MS: Final = 5 * SECOND_MS  # 03.7.3
PATH_ROTATION_MS: Final = 10 * MINUTE_MS  # 03.8
PATH_ROTATION_RETRY_MS: Final = 1 * MINUTE_MS  # too few nodes, 03.8
GUARD_LIFE_MS: Final = 10 * DAY_MS  # from the first contact, 03.8
CLOCK_NODES: Final = 3  # asked for their time, 03.10
CLOCK_AVERAGED: Final = 10  # answers averaged, 03.10
CLOCK_BEFORE_MS: Final = 1_609_459_200_000  # node times before 2021 are ignored, 03.10
CLOCK_RESUME_MS: Final = 10 * MINUTE_MS  # between two looks at the clock after a resume, 03.7.3
SWARM_CACHED_MIN: Final = 3  # members with an address, else ask again, 03.7.3
PATH_WAIT_S: Final = 30.0  # for a path to be ready, then a request fails; a bound of ours
GUARD_TEST_S: Final = 10.0  # 03.8
GUARD_ANSWER_MAX: Final = 65_536  # to the direct test of a guard; a bound of ours
SEND_ATTEMPTS: Final = 3  # quick ones, 02.4.1, 03.9
SEND_PAUSE_MS: Final = 100  # between quick attempts, 02.4.1

# -- storage (04) ----------------------------------------------------------------------------------------------
STORAGE_PATH: Final = "/storage_rpc/v1"  # over HTTPS, 04.1
DATA_MAX: Final = 76_800  # decoded data of one message, 04.4.2
DATA_MAX_BASE64: Final = 102_400  # characters, 04.4.2
TTL_MIN_MS: Final = 10 * SECOND_MS  # 04.4.2
TTL_MAX_PUBLIC_MS: Final = 14 * DAY_MS  # public inboxes, 04.4.2
TTL_MAX_PRIVATE_MS: Final = 30 * DAY_MS  # all other namespaces and expire, 04.4.2, 04.6.5
STORE_FUTURE_SLACK_MS: Final = 10 * SECOND_MS  # 04.4.2
SIGNATURE_SLACK_MS: Final = 60 * SECOND_MS  # 04.2
SIGNATURE_SLACK_FORWARDED_MS: Final = 70 * SECOND_MS  # 04.2
RETRIEVE_MAX: Final = 7_800_000  # counted size of one answer, 04.4.2
RETRIEVE_MESSAGE_OVERHEAD: Final = 143  # 100 and the hash, 04.6.2
HASH_LENGTH: Final = 43  # characters of base64, 04.4.1
REQUEST_BODY_MAX: Final = 10_485_760  # 04.1
BATCH_MAX: Final = 20  # sub-requests, 04.7
REVOKED_MAX: Final = 50  # revocations an account, 04.6.6
SUBACCOUNT_TOKEN_SIZE: Final = 36  # 04.5
SUBSCRIPTION_LIFE_S: Final = 65 * 60  # 04.8.1
SUBSCRIPTION_PAST_S: Final = 14 * 24 * 3600  # 04.8.1
SUBSCRIPTION_FUTURE_S: Final = 24 * 3600  # 04.8.1
MEMBER_TIMEOUT_S: Final = 5.0  # forwarded requests, 04.2.2
TIMESTAMP_MIN_MS: Final = 1_000_000_000  # smaller is not in milliseconds, 04.1.1
DATABASE_MAX: Final = 10 * 1024**3  # 04.4.2, newest
EXPIRY_SWEEP_S: Final = 10.0  # 04.4.2
NAMESPACE_MIN: Final = -(2**15)  # 04.1.1
NAMESPACE_MAX: Final = 2**15 - 1  # 04.1.1
NAMESPACE_LEGACY_GROUP: Final = -10  # 04.3
NAMESPACE_TESTING: Final = -3741  # 04.3
NAMESPACE_DOCTOR: Final = 30_001  # private, of ours: test messages to oneself
DOCTOR_TTL_MS: Final = 60 * SECOND_MS  # of a test message, if it is not deleted before
DOCTOR_MESSAGE_SIZE: Final = 64  # random bytes of a test message
PUBLIC_INBOX_STEP: Final = 10  # multiples are public inboxes, 04.3
PUBLIC_OUTBOX_STEP: Final = 20  # -1 and every so many below, 04.3
UNREVOCABLE_STEP: Final = 100  # -11 and every so many below, 04.3
UNREVOCABLE_FIRST: Final = 11  # 04.3
RETRIEVE_DEFAULT_FRACTION: Final = 5  # of RETRIEVE_MAX without max_count and max_size, 04.6.2
POLL_PRIORITY_HIGH: Final = 10  # namespaces 0 and 11 in a poll, 04.9
POLL_PRIORITY_LOW: Final = 1  # all others, 04.9
SUBACCOUNT_AUTH_DATA_SIZE: Final = 100  # 04.5.1
IFELSE_DEPTH_MAX: Final = 8  # nested ifelse, a bound of ours
SWARM_ANSWER_MAX: Final = 1_000  # members in one answer that a client reads, a bound of ours
HASHES_ANSWER_MAX: Final = 1_000_000  # hashes in one answer that a client reads, a bound of ours
VERIFIED_KEYS_REMEMBERED: Final = 2_048  # pure results of key checks that a node keeps, a bound of ours
SIGNATURE_BASE64: Final = (86, 88)  # characters without and with padding, 04.2
SUBACCOUNT_TOKEN_BASE64: Final = 48  # characters, 04.2
SUBACCOUNT_MASK_LABEL: Final = b"SessionGroupSubaccountMask"  # 04.5.1
SUBACCOUNT_SEED_LABEL: Final = b"SubaccountSeed"  # 04.5.1
SUBACCOUNT_NONCE_LABEL: Final = b"SubaccountSig"  # 04.5.1
ANSWER_TEXT_MAX: Final = 10_000  # characters of one text in an answer that a client reads, a bound of ours
MEMBER_ERROR_MAX: Final = 1_000  # bytes of a member's error that are passed on, a bound of ours
HASH_LENGTH_MIN: Final = 32  # accepted from notifications, 10.3.1
HASH_LENGTH_MAX: Final = 99  # accepted from notifications and answers, 10.3.1
RATE_CLIENT_BURST: Final = 600  # requests of one address, 04.1
RATE_CLIENT_PER_S: Final = 300  # 04.1
RATE_NODE_PER_S: Final = 600  # requests of another node, 04.1
RATE_ADDRESSES_MAX: Final = 10_000  # a full table refuses new ones, 04.1
POLL_OPEN_MS: Final = 5 * SECOND_MS  # own swarm, open or active conversation, 04.9
POLL_QUIET_MS: Final = 1 * MINUTE_MS  # silent for over two days, 04.9
POLL_DORMANT_MS: Final = 2 * MINUTE_MS  # silent for over a week, 04.9
POLL_ACTIVE_FOR_MS: Final = 2 * DAY_MS  # 04.9
POLL_QUIET_FOR_MS: Final = 7 * DAY_MS  # 04.9

# -- swarms and nodes (05) -------------------------------------------------------------------------------------
NO_SWARM: Final = 2**64 - 1  # not a candidate, 05.1
SWARM_RING: Final = 2**64  # 05.1
SWARM_MIN: Final = 5  # members, 05.3
SWARM_EXCESS_BASE: Final = 5  # 05.3
SWARM_NEW: Final = 7  # 05.3
SWARM_MARGIN: Final = 2  # 05.3
PUSH_BATCH_MAX: Final = 1_000_000  # bytes, 05.4.1, newest
PUSH_MAX: Final = 9_000_000  # bytes accepted by the oldest, 05.4.1
SWARM_FILL_PERCENTILE: Final = 25  # where unassigned nodes go, 05.3
SWARM_STEAL_PERCENTILE: Final = 75  # what starving swarms take from, 05.3
SWARM_DISSOLVE_PERCENTILE: Final = 0  # where nodes of a dissolved swarm go, 05.3
SWARM_ID_MAX: Final = 2**64 - 2  # largest swarm id; one with 0 on the ring of new ids, 05.3
PUSH_VERSION: Final = 1  # first byte of a pushed blob, 05.4.1
BASE32Z_ALPHABET: Final = "ybndrfg8ejkmcpqxot1uwisza345h769"  # 05.2
BASE32Z_KEY_LENGTH: Final = 52  # characters of a 32-byte key, 05.2
ACTIVE_NODE_SIZE: Final = 51  # one record of active_nodes_bin, 04.6.3
NODE_LIST_MAX: Final = 65_536  # nodes in one list that a parser takes
HARDFORK: Final = (19, 4)  # major and revision that a new network begins with, 05.12
NO_ADDRESS: Final = "0.0.0.0"  # of a node without a proof, 05.7
HANDSHAKE_PAUSE_MS: Final = 10 * SECOND_MS  # between two tries, 05.4.2
HANDSHAKE_TIMEOUT_MS: Final = 15 * SECOND_MS  # 05.4.2
HANDSHAKE_VERSION: Final = (2, 10, 0)  # older nodes are pushed to without asking, 05.4.2
DUMP_VERSION: Final = (2, 12, 0)  # from here on a node asks for what it wants, 05.4.2
DUMP_UNCONFIRMED_MAX: Final = 5  # batches under way, 05.4.2
DUMP_BATCH_LIFE_MS: Final = 5 * MINUTE_MS  # then a batch has failed, 05.4.2
DUMP_PAUSE_MS: Final = 15 * SECOND_MS  # after a failure, 05.4.2
REPAIR_FIRST_MS: Final = 15 * SECOND_MS  # after a missed request, 05.5
REPAIR_NEXT_MS: Final = 60 * SECOND_MS  # 05.5
REPAIR_TIMEOUT_MS: Final = 10 * SECOND_MS  # of one repeat, 05.5
REPAIR_SWEEP_MS: Final = 5 * SECOND_MS  # how often the table is looked at, 05.5
REPAIR_LIFE_MS: Final = 30 * DAY_MS  # 05.5
REPAIR_MAX: Final = 10_000  # entries, a bound of our own
TEST_TICK_MS: Final = 200  # 05.8
TEST_MEAN_S: Final = 10.0  # until the next random test, 05.8
TEST_DEVIATION_S: Final = 3.0  # 05.8
TEST_TIMEOUT_S: Final = 5.0  # of each part of a test, 05.8
RETEST_STEP_S: Final = 10.0  # for each failure, 05.8
RETEST_MAX_S: Final = 120.0  # 05.8
RETESTS_MAX: Final = 4  # of failing nodes in one tick, 05.8
NODE_VERSION: Final = (2, 11, 3)  # what a node tells others: pushes of six elements, no QUIC yet, 05.4.1, 05.6
RETESTS_PER_TICK: Final = 4  # 05.8
PING_SILENCE_MS: Final = 2 * MINUTE_MS  # without incoming pings, then a warning, 05.8

# -- the queue (15) --------------------------------------------------------------------------------------------
QUEUE_TAG_SIZE: Final = 15  # random bytes, 15.3.1
QUEUE_MESSAGE_MAX: Final = 10_485_760  # encrypted frame, 15.1
QUEUE_FRAME_OVERHEAD: Final = 33  # of CURVE, 15.1.2
QUEUE_COMMAND_MAX: Final = 251  # name, 15.1.2
QUEUE_IDLE_S: Final = 30.0  # 15.3.6
QUEUE_REQUEST_TIMEOUT_S: Final = 15.0  # 15.3.4
QUEUE_LINGER_S: Final = 5.0  # of idle connections, 15.1
QUEUE_TIMER_S: Final = 0.25  # how often time-outs are looked for, 15.3.4
QUEUE_WAITING_MAX: Final = 200  # commands of a category that run or wait, 15.3.7
QUEUE_HANDSHAKE_S: Final = 10.0  # 15.1
QUEUE_ROUTING_LABEL: Final = b"L"  # leads the fixed routing id, 15.1
QUEUE_ROUTES_MAX: Final = 65_536  # routing ids whose proven key is remembered
QUEUE_HEARTBEAT_S: Final = 15.0  # 15.1
QUEUE_HEARTBEAT_TIMEOUT_S: Final = 30.0  # 15.1
QUEUE_RECONNECT_MS: Final = 250  # first, doubling, 15.1
QUEUE_RECONNECT_MAX_MS: Final = 5_000  # 15.1

# -- calls (11) ------------------------------------------------------------------------------------------------
CALL_SDP_MAX: Final = 64 * 1024  # bytes of one description, 11.9
CALL_CANDIDATES_MAX: Final = 100  # a message, 11.9

# -- the registry of a network without a chain (05.12, docs/decisions) ------------------------------------------
PROOF_LABEL: Final = b"veery node proof 1"  # leads what a node signs
ENTRY_LABEL: Final = b"veery history entry 1"  # leads what the writer of the history signs
SNAPSHOT_LABEL: Final = b"veery seed snapshot 1"  # leads what a seed signs
PROOF_EVERY_MS: Final = 30 * SECOND_MS  # a node proves itself so often, unless its seed says otherwise
PROOF_LIFETIME_MS: Final = 2 * MINUTE_MS  # a node that is silent for longer is decommissioned
PROOF_FORGET_MS: Final = HOUR_MS  # a node that is silent for longer is gone
PROOF_SLACK_MS: Final = MINUTE_MS  # between the clock of a node and that of the seed
PROOF_ENTRY_AGE_MS: Final = 15 * MINUTE_MS  # between a proof and the entry that it causes, for any seed's settings
PROOF_MAX: Final = 1_024  # bytes of one proof
BLOCK_INTERVAL_MS: Final = 2 * MINUTE_MS  # the height grows by one so often
ENTRY_MAX: Final = 8 * 1024**2  # bytes of one entry of the history
HISTORY_PAGE: Final = 1_000_000  # bytes of entries in one answer of a seed, at least one entry
NETWORK_NAME_MAX: Final = 64  # bytes
NETWORK_FILE_MAX: Final = 65_536  # bytes
SEED_TIMEOUT_S: Final = 5.0  # for one seed, 03.7.1
SEED_PAUSES_S: Final = (1.0, 2.0, 4.0)  # between four attempts, 03.7.1
SEED_REQUEST_MAX: Final = 65_536  # bytes of a request to a seed
SEED_ANSWER_MAX: Final = 32 * 1024**2  # bytes of an answer of a seed
NONCE_SIZE: Final = 32  # of a client that asks a seed for a signed snapshot

# -- bounds on what a stranger can make a parser do ------------------------------------------------------------
BT_DEPTH_MAX: Final = 32  # nested lists and dicts
BT_ITEMS_MAX: Final = 1_000_000  # values in one document
CONTENT_REPEATED_MAX: Final = 20_000  # values of one repeated field of a Content
