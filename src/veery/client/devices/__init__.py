"""The devices of one account: the group that they form, the keys that they share, and what is published of them (06).

    handling   messages of namespace 21, in the transaction of their batch
    beginning  how a device begins
    keeper     the state of the group: every change of it is kept with what it is the answer to
    following  what a change means for what is published
    telling    what the user is told of a change
    own_swarm  what is stored in the own swarm: group messages, link requests, the account record
    work       what is to be done by itself: timers, pushing, publishing, watching the own outbox, erasing
    service    what the user does: link, approve, remove, rename, publish
    views      all of it as plain values

What is decided, and when, is `policy.device_*`, `policy.own_record` and `policy.key_rotation`.
"""
