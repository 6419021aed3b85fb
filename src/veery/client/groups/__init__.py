"""Groups of a client (08): their documents and keys, joining and leaving, what is said in them, and polling them.

`room` is one group with its documents, keys and rights; everything else works on rooms. `service` is what a client
offers; `polling` fetches from the swarms of groups by the handlers of `reading`, and lets `tending` do after each poll
what admins and newcomers owe. `sequences` brings changes to the swarm, `letters` invitations to people.
"""
