"""The options that every command of a service takes."""

from __future__ import annotations

from veery.cli.command import Parser


def add_settings_options(parser: Parser) -> None:
    """Where settings and data are, and settings that have no option of their own."""
    parser.add_argument("--config", metavar="FILE", help="settings file")
    parser.add_argument("--directory", metavar="DIRECTORY", help="where keys and data are kept")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="any other setting, as in rate=100; repeatable"
    )


def add_log_option(parser: Parser) -> None:
    """How logs are written."""
    parser.add_argument("--log-json", action="store_true", help="write logs as JSON objects")
