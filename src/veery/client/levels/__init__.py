"""How well messages to and from each contact are protected, and that nobody lowers it unnoticed (06.10, 14.1).

    own_keys        what this account can open, and what it publishes
    key_fetching    asks the swarm of a contact for its record
    learning        what a record or a message teaches about a contact, in the transaction that learns it
    notices         events that tell the user
    copies          at which level a copy goes out, or that it waits
    service         `Levels`: what is known, and what the user chooses

The decisions are those of `policy.contact_keys`, `key_fetch`, `downgrade`, `level` and `record_exchange`.
"""
