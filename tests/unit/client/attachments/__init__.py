"""Parts of attachments."""
