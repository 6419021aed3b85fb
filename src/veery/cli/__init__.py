"""The `veery` command.

One module a noun. A module's head imports nothing but the parts of the parser, so that `--help`, `--version` and
completion stay quick; what a command needs is imported inside the function that runs it.

    main      from argv to an exit code: errors, Ctrl-C, closed pipes
    parser    the whole tree of commands
    command   what a command is made of: parser, help, exit codes
    console   what goes to standard output and standard error
    text      words, times and tables for people
    running   the event loop and signals of a command
    unlock    passphrases, and what opens a profile
    engine    the profile of a command, through its daemon or by itself

Standard output is data, standard error is talk. With `--json` every command writes JSON objects, one a line; a command
that lists things writes one object a thing. Errors are one line on standard error, `veery: <what>. <remedy>`; with
`--json` a second line follows there, `{"error": {"kind", "message", "remedy"}}`.
"""
